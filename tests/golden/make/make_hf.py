"""Write hf/: small random GPT-2s as transformers saves them, each with the logits it computes.

    python tests/golden/make/make_hf.py        needs the `peers` extra

`expected.safetensors` in each directory holds tokens and logits, computed in float32 from the
numbers in the file. Those in bitsandbytes' NF4 are dequantized by bitsandbytes into an ordinary
GPT-2 first: its own products run in bfloat16 on some processors.
"""

import argparse
import json
import shutil
import tempfile
from pathlib import Path

import bitsandbytes
import torch
from safetensors.torch import load_file, save_file
from transformers import BitsAndBytesConfig, GPT2Config, GPT2LMHeadModel

HERE = Path(__file__).parents[1] / "data" / "hf"
SMALL = {"vocab_size": 23, "n_positions": 10, "n_embd": 12, "n_layer": 2, "n_head": 3}
CASES = {
    "three_heads": {**SMALL},
    "one_head_own_inner": {**SMALL, "n_embd": 8, "n_layer": 3, "n_head": 1, "n_inner": 20},
    "untied": {**SMALL, "tie_word_embeddings": False, "layer_norm_epsilon": 1e-3},
    "sharded": {**SMALL},
    "bare_with_masks": {**SMALL},
    "float16": {**SMALL},
    "bfloat16": {**SMALL, "n_head": 4},
}
FOUR_BIT = {"vocab_size": 23, "n_positions": 10, "n_embd": 64, "n_layer": 1, "n_head": 4}
KEPT = ("config.json", "model.safetensors.index.json")


def random_gpt2(sizes, seed):
    """No biases of zero and no norms of one, which would hide what is lost."""
    torch.manual_seed(seed)
    config = GPT2Config(**sizes, bos_token_id=None, eos_token_id=None)
    model = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for p in model.parameters():
            p += 0.2 * torch.randn_like(p)
    return model


def expected(model, sizes):
    tokens = torch.randint(0, sizes["vocab_size"], (3, sizes["n_positions"] - 2))
    with torch.no_grad():
        return {"tokens": tokens, "logits": model.float()(tokens).logits}


def keep(model, directory, **options):
    """What save_pretrained writes, without the settings of its text generation."""
    shutil.rmtree(directory, ignore_errors=True)
    model.save_pretrained(directory, **options)
    for path in directory.iterdir():
        if path.name not in KEPT and path.suffix != ".safetensors":
            path.unlink()


def strip_to_old_form(directory):
    """As the first GPT-2 files are: no `transformer.` in the names, and each layer's mask."""
    path = directory / "model.safetensors"
    config = json.loads((directory / "config.json").read_text())
    tensors = {k.removeprefix("transformer."): v for k, v in load_file(path).items()}
    T = config["n_positions"]
    for i in range(config["n_layer"]):
        tensors[f"h.{i}.attn.bias"] = torch.tril(torch.ones(T, T))[None, None]
        tensors[f"h.{i}.attn.masked_bias"] = torch.tensor(-1e4)
    save_file(tensors, path, {"format": "pt"})


def make(name, sizes, seed):
    directory = HERE / name
    model = random_gpt2(sizes, seed)
    if name in ("float16", "bfloat16"):
        model = model.to(getattr(torch, name))
    keep(model, directory, **({"max_shard_size": "4KB"} if name == "sharded" else {}))
    if name == "bare_with_masks":
        strip_to_old_form(directory)
    save_file(expected(model, sizes), directory / "expected.safetensors")


def make_four_bit(name, double_quant):
    directory = HERE / name
    with tempfile.TemporaryDirectory() as plain:
        random_gpt2(FOUR_BIT, 7).save_pretrained(plain)
        how = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=double_quant,
            bnb_4bit_compute_dtype=torch.float32,
        )
        four_bit = GPT2LMHeadModel.from_pretrained(plain, quantization_config=how, dtype="float32")
        model = GPT2LMHeadModel.from_pretrained(plain).eval()
    for (_, ours), (_, theirs) in zip(model.named_parameters(), four_bit.named_parameters()):
        if isinstance(theirs, bitsandbytes.nn.Params4bit):
            dense = bitsandbytes.functional.dequantize_4bit(theirs.data, theirs.quant_state)
            ours.data = dense.T.contiguous()
    keep(four_bit, directory)
    save_file(expected(model, FOUR_BIT), directory / "expected.safetensors")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    torch.set_num_threads(1)
    torch.compiler.set_stance("force_eager")
    for seed, (name, sizes) in enumerate(CASES.items()):
        make(name, sizes, seed)
    make_four_bit("nf4", False)
    make_four_bit("nf4_double_quant", True)
