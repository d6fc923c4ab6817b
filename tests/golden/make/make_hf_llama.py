"""Write hf_llama/*: small Llamas as transformers saves them, PEFT adapters, and their logits.

python tests/golden/make/make_hf_llama.py [NAME]       needs the `peers` extra

Those in bitsandbytes' 4 bits are dequantized by it into an ordinary model for their logits: its own
products run in bfloat16 on some processors.
"""

import argparse
import json
import tempfile
from pathlib import Path

import bitsandbytes
import torch
from make_llama import SIZES
from peft import IA3Config, LoraConfig, get_peft_model
from safetensors.torch import save_file
from transformers import (
    AutoConfig,
    AutoModelForCausalLM,
    BitsAndBytesConfig,
    LlamaConfig,
    LlamaForCausalLM,
)

HERE = Path(__file__).parents[1] / "data" / "hf_llama"
KINDS = {  # name: (sizes, dtype, how large a shard may be)
    "grouped": ("grouped", torch.float32, "1GB"),
    "untied_bfloat16": ("own_keys", torch.bfloat16, "1GB"),
    "wide_heads_sharded": ("wide_heads", torch.float32, "2KB"),
}
ADAPTERS = {
    "attention": {"target_modules": ["q_proj", "v_proj"], "r": 2, "lora_alpha": 6},
    "everywhere": {"target_modules": "all-linear", "r": 3, "lora_alpha": 6, "use_rslora": True},
    "dora": {"target_modules": ["o_proj", "down_proj"], "r": 2, "lora_alpha": 4, "use_dora": True},
    # `o_proj` is a square weight, and `norm` ends `input_layernorm` too
    "whole_modules": {
        "target_modules": ["v_proj"],
        "r": 2,
        "lora_alpha": 6,
        "modules_to_save": ["o_proj", "norm"],
    },
    # names that this model has not; biases of a model without any
    "more_names": {"target_modules": ["c_attn", "up_proj"], "r": 2, "lora_alpha": 6, "bias": "all"},
    "ia3": {"kind": IA3Config, "target_modules": None},
    "ia3_more_names": {
        "kind": IA3Config,
        "target_modules": ["c_attn", "v_proj", "c_fc", "up_proj"],
        "feedforward_modules": ["c_fc", "up_proj"],
    },
}


FOUR_BIT = {  # name: (model_type, how)
    "qwen2_nf4_double": (
        "qwen2",
        {"bnb_4bit_quant_type": "nf4", "bnb_4bit_use_double_quant": True},
    ),
    "mistral_fp4_bfloat16": (
        "mistral",
        {"bnb_4bit_quant_type": "fp4", "bnb_4bit_quant_storage": torch.bfloat16},
    ),
}


def moved(model):
    """No biases of zero and no norms of one, which would hide what is lost."""
    with torch.no_grad():
        for p in model.parameters():
            p += 0.2 * torch.randn_like(p)
    return model


def make_four_bit(name, kind, how):
    torch.manual_seed(len(name))
    sizes = SIZES["wide_heads"] | {"tie_word_embeddings": True, "hidden_size": 16}
    config = AutoConfig.for_model(kind, **sizes)
    how = BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_compute_dtype=torch.float32, **how)
    with tempfile.TemporaryDirectory() as plain:
        moved(AutoModelForCausalLM.from_config(config)).save_pretrained(plain)
        load = AutoModelForCausalLM.from_pretrained
        four_bit = load(plain, quantization_config=how, dtype=torch.float32)
        model = load(plain, dtype=torch.float32).eval()
    for (_, ours), (_, theirs) in zip(model.named_parameters(), four_bit.named_parameters()):
        if isinstance(theirs, bitsandbytes.nn.Params4bit):
            ours.data = bitsandbytes.functional.dequantize_4bit(theirs.data, theirs.quant_state)
    four_bit.save_pretrained(HERE / name)
    (HERE / name / "generation_config.json").unlink(missing_ok=True)
    tokens = torch.randint(0, sizes["vocab_size"], (3, sizes["max_position_embeddings"]))
    expected = {"tokens": tokens, "logits": logits(model, tokens)}
    save_file(expected, HERE / name / "expected.safetensors")


def logits(model, tokens):
    with torch.no_grad():
        return model(tokens).logits.contiguous()


def sort_lists(path):
    """PEFT writes sets, in any order."""
    config = json.loads(path.read_text())
    for key in ("target_modules", "feedforward_modules", "modules_to_save"):
        if isinstance(config.get(key), list):
            config[key].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="?", choices=[*KINDS, *FOUR_BIT], help="this one alone")
    chosen = parser.parse_args().name
    for name, (sizes, dtype, shard) in KINDS.items():
        if chosen not in (None, name):
            continue
        torch.manual_seed(len(name))
        sizes = {"tie_word_embeddings": True} | SIZES[sizes]
        model = moved(LlamaForCausalLM(LlamaConfig(**sizes)).to(dtype))
        model.save_pretrained(HERE / name, max_shard_size=shard)
        (HERE / name / "generation_config.json").unlink(missing_ok=True)
        tokens = torch.randint(0, sizes["vocab_size"], (3, sizes["max_position_embeddings"]))
        model = LlamaForCausalLM.from_pretrained(HERE / name, dtype=torch.float32)
        expected = {"tokens": tokens, "logits": logits(model, tokens)}
        save_file(expected, HERE / name / "expected.safetensors")
    for name, (kind, how) in FOUR_BIT.items():
        if chosen in (None, name):
            make_four_bit(name, kind, how)
    for name, settings in ADAPTERS.items():
        if chosen and f"adapter_{name}" not in chosen:
            continue
        torch.manual_seed(len(name))
        model = LlamaForCausalLM.from_pretrained(HERE / "grouped")
        tokens = torch.randint(0, model.config.vocab_size, (3, 9))
        kind = settings.get("kind", LoraConfig)
        settings = {key: value for key, value in settings.items() if key != "kind"}
        model = get_peft_model(model, kind(task_type="CAUSAL_LM", **settings))
        model.peft_config["default"].base_model_name_or_path = "grouped"
        with torch.no_grad():
            for p in model.parameters():
                if p.requires_grad:
                    p += 0.2 * torch.randn_like(p)
        model.save_pretrained(HERE / f"adapter_{name}")
        sort_lists(HERE / f"adapter_{name}" / "adapter_config.json")
        (HERE / f"adapter_{name}" / "README.md").unlink(missing_ok=True)
        expected = {"tokens": tokens, "logits": logits(model, tokens)}
        save_file(expected, HERE / f"adapter_{name}" / "expected.safetensors")


if __name__ == "__main__":
    torch.compiler.set_stance("force_eager")
    main()
