"""Adapters of many configurations as PEFT writes them, on small models of four kinds.

`golden/make/make_adapters.py` stores what PEFT wrote and computes; the bases' numbers are made
here, by both.
"""

import json
import math

import numpy as np

from golden.readers.architectures import numbers
from golden.readers.golden_hf import GOLDEN as DATA
from helpers.safetensors_files import save_file
from lora_np.checkpoint import gpt2, llama, load_gpt2, load_llama
from lora_np.nn import GPTConfig, LlamaConfig

T = 6  # tokens of a sequence
SIZES = {"vocab_size": 11, "hidden_size": 8, "intermediate_size": 6, "num_hidden_layers": 3}
SIZES |= {"num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 16}
GPT = {"vocab_size": 11, "n_embd": 8, "n_inner": 6, "n_layer": 2, "n_head": 2, "n_positions": 16}
BASES = {  # name: (model_type, settings)
    "llama": ("llama", SIZES | {"tie_word_embeddings": True}),
    "untied": ("llama", SIZES | {"tie_word_embeddings": False}),
    "qwen2": ("qwen2", SIZES | {"tie_word_embeddings": True, "num_hidden_layers": 2}),
    "gpt2": ("gpt2", GPT),
}
QV, R2 = ["q_proj", "v_proj"], {"r": 2, "lora_alpha": 6}


def lora(base, targets, *more, **settings):
    return base, "LORA", R2 | {"target_modules": targets} | settings, *more


def tokens(base, indices, *more, **settings):
    return base, "TRAINABLE_TOKENS", {"token_indices": indices} | settings, *more


TIED = {"ensure_weight_tying": True}
CASES = {  # name: (base, kind, settings, tokens added, save_embedding_layers)
    "a list of names": lora("llama", QV),
    "all-linear": lora("llama", "all-linear", r=1),
    "a regular expression": lora("llama", r"model\.layers\.[02]\.(self_attn\.k|mlp\.up)_proj"),
    "no names: the model's usual": lora("qwen2", None),
    "full names": lora("llama", ["model.layers.1.self_attn.q_proj", "layers.2.mlp.down_proj"]),
    "rank_pattern": lora("llama", QV, rank_pattern={"q_proj": 3}),
    "rank_pattern, regular expressions": lora(
        "llama", QV, rank_pattern={r"layers\.[01]\.self_attn\.v_proj": 1, r".*\.2\..*": 4}
    ),
    "alpha_pattern": lora(
        "llama",
        ["up_proj", *QV],
        alpha_pattern={"^model.layers.0.mlp.up_proj": 1, r".*attn\.[qk]_proj": 3.5},
    ),
    "both patterns, rslora": lora(
        "qwen2",
        ["o_proj", *QV],
        rank_pattern={"v_proj": 1, "0.self_attn.q_proj": 3},
        alpha_pattern={"o_proj": 2, "v_proj": 5},
        use_rslora=True,
    ),
    "rank_pattern, dora": lora("llama", QV, rank_pattern={"v_proj": 1}, use_dora=True),
    "exclude_modules, a list": lora("llama", QV, exclude_modules=["0.self_attn.q_proj"]),
    "exclude_modules, an expression": lora("gpt2", "all-linear", exclude_modules=r".*\.mlp\..*"),
    "layers_to_transform, a number": lora("llama", QV, layers_to_transform=1),
    "layers_to_transform, a list": lora("llama", QV, layers_to_transform=[0, 2]),
    "layers_pattern, a name": lora(
        "llama", QV, layers_to_transform=[2], layers_pattern="layers", rank_pattern={"q_proj": 1}
    ),
    "layers_pattern, a list": lora(
        "gpt2", ["c_attn", "wpe"], layers_to_transform=0, layers_pattern=["layers", "h"]
    ),
    "lora_bias": lora("qwen2", QV, lora_bias=True),
    "lora_bias, layers without a bias": lora("llama", ["o_proj"], lora_bias=True, use_rslora=True),
    "bias all": lora("qwen2", ["o_proj"], bias="all"),
    "bias lora_only": lora("qwen2", ["q_proj", "o_proj"], bias="lora_only"),
    "bias all, lora_bias": lora("gpt2", ["c_fc"], bias="all", lora_bias=True),
    "modules_to_save: the head, tied": lora("llama", QV, modules_to_save=["lm_head"]),
    "modules_to_save: the head, its own": lora("untied", QV, modules_to_save=["lm_head"]),
    "modules_to_save: embeddings, tied": lora("llama", QV, modules_to_save=["embed_tokens"]),
    "modules_to_save: both, tied": lora("llama", QV, modules_to_save=["embed_tokens", "lm_head"]),
    "modules_to_save: both, kept tied": lora("llama", QV, modules_to_save=["embed_tokens"], **TIED),
    "modules_to_save: both, kept tied, GPT-2": lora(
        "gpt2", ["c_attn"], modules_to_save=["lm_head"], **TIED
    ),
    "modules_to_save: a part and a norm": lora(
        "llama", ["q_proj", "up_proj"], modules_to_save=["mlp", "model.norm"]
    ),
    "modules_to_save: a block": lora("llama", QV, modules_to_save=["layers.1"]),
    "modules_to_save: positions, norms": lora("gpt2", ["c_fc"], modules_to_save=["wpe", "ln_1"]),
    "modules_to_save: a layer, IA3": (
        "llama",
        "IA3",
        {"target_modules": QV, "feedforward_modules": [], "modules_to_save": ["o_proj", "lm_head"]},
    ),
    "embeddings": lora("llama", ["embed_tokens", "q_proj"]),
    "embeddings, of the model's file": lora("llama", ["embed_tokens", "q_proj"], 0, False),
    "embeddings and positions": lora("gpt2", ["wte", "wpe", "c_attn"], rank_pattern={"wpe": 1}),
    "the head, tied": lora("llama", ["lm_head"]),
    "the head, its own": lora("untied", ["lm_head", "v_proj"], use_rslora=True),
    "both, tied, each its own": lora("llama", ["embed_tokens", "lm_head"], 0, False),
    "both, kept tied": lora("llama", ["embed_tokens", "q_proj"], 0, False, **TIED),
    "both, kept tied, GPT-2": lora("gpt2", ["lm_head", "c_attn"], 0, False, **TIED),
    "an expression with the embeddings": lora("qwen2", r".*(embed_tokens|0\.mlp\.up_proj)"),
    "tokens": lora("llama", QV, trainable_token_indices=[3, 7]),
    "tokens, an own head": lora("untied", QV, trainable_token_indices=[10, 0]),
    "tokens of both, an own head": lora(
        "untied", QV, trainable_token_indices={"embed_tokens": [1, 2], "lm_head": [2, 5, 1]}
    ),
    "tokens of both, tied, others": lora(
        "llama", QV, trainable_token_indices={"embed_tokens": [1], "lm_head": [2, 5]}
    ),
    "tokens of both, tied, the same": lora(
        "llama", QV, trainable_token_indices={"model.embed_tokens": [4], "lm_head": [4]}
    ),
    "tokens of the head, tied": lora("llama", QV, trainable_token_indices={"lm_head": [9]}),
    "tokens, GPT-2": lora("gpt2", ["c_attn"], trainable_token_indices=[5, 2], bias="lora_only"),
    "tokens and whole modules": lora(
        "llama", QV, trainable_token_indices=[6], modules_to_save=["model.norm"]
    ),
    "TRAINABLE_TOKENS": tokens("llama", [2, 9]),
    "TRAINABLE_TOKENS, an own head": tokens("untied", [8], target_modules=["embed_tokens"]),
    "TRAINABLE_TOKENS, both by name": tokens(
        "untied", [1], target_modules=["lm_head", "embed_tokens"]
    ),
    "TRAINABLE_TOKENS, GPT-2": tokens("gpt2", [0, 10, 4]),
    "new tokens, their tables saved": lora("llama", QV, 2, True),
    "new tokens, both tables saved": lora("untied", QV, 2, True),
    "new tokens, trained alone": lora("qwen2", QV, 2, False, trainable_token_indices=[11, 12]),
    "new tokens, trained, their tables saved": lora(
        "llama", QV, 2, True, trainable_token_indices=[12, 3]
    ),
    "new tokens, trained, both tables saved": lora(
        "untied", QV, 1, True, trainable_token_indices=[11]
    ),
    "new tokens, TRAINABLE_TOKENS": tokens("gpt2", [12, 11, 3], 2, False),
    "new tokens, the embeddings saved whole": lora(
        "llama", QV, 1, "auto", modules_to_save=["lm_head"], **TIED
    ),
}


def stored():
    """({name: {config, shapes}}, {"name/what": array})."""
    about = json.loads((DATA / "adapters.json").read_text())
    for name, case in about["cases"].items():
        case["config"] = about["usual"][CASES[name][1]] | case["config"]
    return about["cases"], np.load(DATA / "adapters.npz")


ABOUT, ARRAYS = stored() if (DATA / "adapters.json").exists() else ({}, {})


def write_base(name, directory):
    """The base as transformers would write it."""
    kind, settings = BASES[name]
    gpt = kind == "gpt2"
    config = GPTConfig(**settings) if gpt else None
    tied = settings.get("tie_word_embeddings", True)
    if gpt:
        shapes = {f"transformer.{key}": shape for key, shape in gpt2.shapes(config).items()}
    else:
        sizes = {key: value for key, value in settings.items() if key != "tie_word_embeddings"}
        shapes = llama.shapes(LlamaConfig(model_type=kind, **sizes), tied)
        shapes = {key if key == llama.HEAD else f"model.{key}": s for key, s in shapes.items()}
    (directory / "config.json").write_text(json.dumps({"model_type": kind, **settings}))
    tensors = {key: numbers(key, shape).astype(np.float32) for key, shape in shapes.items()}
    save_file(tensors, directory / "model.safetensors", {"format": "pt"})


def load_base(name, directory):
    return load_gpt2(directory) if BASES[name][0] == "gpt2" else load_llama(directory)


def tensors_of(name):
    """{name: array} as PEFT wrote them."""
    shapes, flat = ABOUT[name]["shapes"], ARRAYS[f"{name}/tensors"]
    ends = np.cumsum([math.prod(shape) for shape in shapes.values()])
    parts = np.split(flat, ends[:-1])
    return {key: part.reshape(shape) for (key, shape), part in zip(shapes.items(), parts)}


def write(name, directory):
    """The adapter's folder as PEFT wrote it."""
    directory.mkdir(exist_ok=True)
    (directory / "adapter_config.json").write_text(json.dumps(ABOUT[name]["config"]))
    save_file(tensors_of(name), directory / "adapter_model.safetensors", {"format": "pt"})


def gap(ours, theirs):
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())
