"""Write peft/: small random adapters as PEFT saves them, each with the logits it computes.

    python tests/golden/make/make_peft.py [NAME]      needs the `peers` extra; make_hf.py runs first

The bases are directories of hf/, named in each configuration. `expected.safetensors` holds tokens
and logits (of the last position, for models with classes) and, for DoRA, the gradients of
Σ g∘logits by the adapter's numbers.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from peft import IA3Config, LoraConfig, PrefixTuningConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import save_file
from transformers import GPT2ForSequenceClassification, GPT2LMHeadModel

HERE = Path(__file__).parents[1] / "data"
ALL = ["c_attn", "c_proj", "c_fc"]
CASES = {  # name: (base, settings of `kind`, which is LoraConfig where none is named)
    "lora_attention": ("three_heads", {"target_modules": ["c_attn", "attn.c_proj"]}),
    "lora_all_linear": ("one_head_own_inner", {"target_modules": "all-linear", "r": 3}),
    "lora_one_layer": ("three_heads", {"target_modules": ["c_attn"], "layers_to_transform": [1]}),
    "lora_pattern": ("three_heads", {"target_modules": r".*\.1\.mlp\.c_(fc|proj)"}),
    "lora_on_untied": ("untied", {"target_modules": ALL}),
    "rslora": ("three_heads", {"target_modules": ALL, "use_rslora": True}),
    "dora_attention": ("one_head_own_inner", {"target_modules": ["c_attn"], "use_dora": True}),
    "dora_all_linear": ("three_heads", {"target_modules": ALL, "use_dora": True, "r": 2}),
    "modules_to_save": (
        "three_heads",
        {"target_modules": ["c_attn"], "modules_to_save": ["ln_f", "ln_2"]},
    ),
    "head_to_save": ("three_heads", {"target_modules": ["c_fc"], "modules_to_save": ["lm_head"]}),
    "biases_lora_only": ("three_heads", {"target_modules": ["attn.c_proj"], "bias": "lora_only"}),
    "biases_all": ("untied", {"target_modules": ["c_attn"], "bias": "all", "use_dora": True}),
    "classes": ("three_heads", {"target_modules": ["c_attn"], "task_type": "SEQ_CLS"}),
    "ia3": ("three_heads", {"kind": IA3Config}),
    "ia3_elsewhere": (
        "one_head_own_inner",
        {
            "kind": IA3Config,
            "target_modules": ["attn.c_proj", "c_fc"],
            "feedforward_modules": ["c_fc"],
        },
    ),
    "ia3_pattern": (
        "three_heads",
        {
            "kind": IA3Config,
            "target_modules": r".*\.1\.(attn\.c_attn|mlp\.c_proj)",
            "feedforward_modules": r".*\.mlp\.c_proj",
        },
    ),
    "prompt": ("three_heads", {"kind": PromptTuningConfig, "num_virtual_tokens": 3}),
    "prompt_on_untied": ("untied", {"kind": PromptTuningConfig, "num_virtual_tokens": 2}),
    "prefix": ("three_heads", {"kind": PrefixTuningConfig, "num_virtual_tokens": 3}),
    "prefix_from_mlp": (
        "one_head_own_inner",
        {
            "kind": PrefixTuningConfig,
            "num_virtual_tokens": 2,
            "prefix_projection": True,
            "encoder_hidden_size": 5,
        },
    ),
}


def make(name, base, settings, seed):
    torch.manual_seed(seed)
    directory = HERE / "peft" / name
    shutil.rmtree(directory, ignore_errors=True)
    classes = settings.get("task_type") == "SEQ_CLS"
    if classes:
        model = GPT2ForSequenceClassification.from_pretrained(HERE / "hf" / base, num_labels=3)
        model.config.pad_token_id = 0
    else:
        model = GPT2LMHeadModel.from_pretrained(HERE / "hf" / base)
    kind = settings.get("kind", LoraConfig)
    defaults = {"task_type": "CAUSAL_LM"}
    if kind is LoraConfig:
        defaults |= {"r": 4, "lora_alpha": 6}
    if kind in (LoraConfig, IA3Config):
        defaults |= {"fan_in_fan_out": True}
    settings = {key: value for key, value in settings.items() if key != "kind"}
    model = get_peft_model(model, kind(**defaults | settings)).eval()
    learns = {n: p for n, p in model.named_parameters() if p.requires_grad}
    with torch.no_grad():  # away from B = 0, and from what the base holds
        for p in learns.values():
            p += 0.2 * torch.randn_like(p)
    virtual = settings.get("num_virtual_tokens", 0)
    length = model.config.n_positions - max(2, virtual)
    tokens = torch.randint(1, model.config.vocab_size, (3, length))
    logits = model(tokens).logits[:, -length:].contiguous()  # PEFT shows a prompt's own logits too
    expected = {"tokens": tokens, "logits": logits.detach()}
    if settings.get("use_dora"):
        expected["g"] = torch.randn_like(logits)
        (expected["g"] * logits).sum().backward()
        for key, p in learns.items():
            expected["grad." + key.replace(".default", "")] = p.grad.contiguous()
    model.save_pretrained(directory)
    (directory / "README.md").unlink(missing_ok=True)
    path = directory / "adapter_config.json"
    config = json.loads(path.read_text()) | {"base_model_name_or_path": base}
    for key in ("target_modules", "feedforward_modules"):
        if isinstance(config.get(key), list):  # PEFT writes a set, in any order
            config[key].sort()
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    save_file(expected, directory / "expected.safetensors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", nargs="?", choices=CASES, help="this one alone")
    chosen = parser.parse_args().name
    torch.set_num_threads(1)
    for seed, (name, (base, settings)) in enumerate(CASES.items()):
        if chosen in (None, name):
            make(name, base, settings, seed)
