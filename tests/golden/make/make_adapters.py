"""Write adapters.json and .npz: adapters as PEFT writes them, one a configuration of CASES.

    PYTHONPATH=. python tests/golden/make/make_adapters.py [NAME …]      needs the `peers` extra

What learns is moved from its start, to numbers of eight bits. Kept are adapter_config.json (where
it differs from the configuration class's own), the tensors end to end, tokens and PEFT's logits.
"""

import argparse
import json
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import peft
import torch
from safetensors.numpy import load_file
from transformers import AutoConfig, AutoModelForCausalLM

sys.path.insert(0, str(Path(__file__).parents[2]))
from golden.readers.adapters import BASES, CASES, DATA, T
from golden.readers.architectures import numbers

KINDS = {"LORA": peft.LoraConfig, "IA3": peft.IA3Config}
KINDS |= {"TRAINABLE_TOKENS": peft.TrainableTokensConfig}


def base_model(name):
    kind, settings = BASES[name]
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(kind, **settings)).eval()
    with torch.no_grad():
        for key, p in model.named_parameters():
            p.copy_(torch.from_numpy(numbers(key, tuple(p.shape))))
    return model


def move(model, seed):
    """In place: Parameters that PEFT keeps tied share their storage."""
    draw = np.random.RandomState(seed)
    for p in model.parameters():
        if p.requires_grad:
            p += torch.from_numpy(draw.randint(-127, 128, tuple(p.shape)) / 256).to(p)
            p.copy_((p * 256).round() / 256)


def make(name, base, kind, settings, more=0, save="auto"):
    """(its configuration and shapes, {what: array})."""
    model, seed = base_model(base), zlib.crc32(name.encode()) % 2**32
    torch.manual_seed(seed)
    if more:  # tokens, whose rows an adapter's file must bring
        model.resize_token_embeddings(model.config.vocab_size + more, mean_resizing=False)
    model = peft.get_peft_model(model, KINDS[kind](task_type="CAUSAL_LM", **settings)).eval()
    with torch.no_grad():
        move(model, seed)
        rows = [model.get_input_embeddings().weight, model.get_output_embeddings().weight]
        for new in rows if more and save is True else []:
            new.data[-more:] = torch.from_numpy(numbers(name, tuple(new.data[-more:].shape))).to(
                new
            )
    with tempfile.TemporaryDirectory() as out:
        model.save_pretrained(out, save_embedding_layers=save)
        config = json.loads((Path(out) / "adapter_config.json").read_text())
        tensors = load_file(Path(out) / "adapter_model.safetensors")
    usual = KINDS[kind]().to_dict()
    config = {key: value for key, value in config.items() if usual.get(key, 0) != value}
    for key, value in config.items():
        if isinstance(value, list) and key.endswith("modules"):
            value.sort()  # PEFT writes a set, in any order
    tokens = np.random.RandomState(seed).randint(0, 11 + more, (2, T))
    with torch.no_grad():
        logits = model(torch.from_numpy(tokens)).logits.numpy()
    flat = [tensor.ravel().astype(np.float32) for tensor in tensors.values()]
    shapes = {key: list(tensor.shape) for key, tensor in tensors.items()}
    arrays = {"tensors": np.concatenate(flat), "tokens": tokens.astype(np.int8), "logits": logits}
    return {"config": config, "shapes": shapes}, arrays


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="print these, write nothing")
    names = parser.parse_args().names
    torch.set_num_threads(1)
    about, arrays = {}, {}
    for name in names or CASES:
        about[name], each = make(name, *CASES[name])
        arrays |= {f"{name}/{key}": value for key, value in each.items()}
    if names:
        print(json.dumps(about, indent=1))
    else:
        usual = {kind: make_config().to_dict() for kind, make_config in KINDS.items()}
        about = {"peft": peft.__version__, "usual": usual, "cases": about}
        (DATA / "adapters.json").write_text(json.dumps(about) + "\n")
        np.savez_compressed(DATA / "adapters.npz", **arrays)
