"""Small Llamas, and every way of choosing what moves in them."""

import numpy as np

from helpers.models import moved
from lora_np.methods import DoRA, FullFineTuning, HeadTuning, LoRA, QLoRA
from lora_np.nn import Llama, LlamaConfig

CONFIG = LlamaConfig(
    vocab_size=7,
    hidden_size=6,
    intermediate_size=8,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=4,
    max_position_embeddings=12,
)
ATTENTION = ("q_proj", "v_proj")


def small_llama(config=CONFIG, dtype=np.float64, seed=0):
    return moved(Llama(config, np.random.default_rng(seed), dtype))


def some_past(B=3, P=2, config=CONFIG, dtype=np.float64, seed=3):
    rng = np.random.default_rng(seed)
    shape = (2, config.num_hidden_layers, B, config.num_key_value_heads, P, config.head_dim)
    return list(zip(*rng.standard_normal(shape).astype(dtype)))


def norms_only(model, rng):
    view = model.view().freeze()
    for name, parameter in view.named_parameters():
        if name.endswith("norm.weight"):
            parameter.train()
    return view


def top_block_only(model, rng):
    view = model.view().freeze()
    for parameter in view.layers[-1].parameters():
        parameter.train()
    return view


WAYS = {
    "full": FullFineTuning().apply,
    "head": HeadTuning().apply,
    "three classes": HeadTuning(3).apply,
    "LoRA": LoRA(2, 3.0, ATTENTION).apply,
    "LoRA everywhere": LoRA(2, 3.0, "all-linear").apply,
    "LoRA with dropout": LoRA(2, 3.0, ATTENTION, dropout=0.4).apply,
    "QLoRA": QLoRA(2, 3.0, "all-linear", block_size=16, double_quant=True).apply,
    "DoRA": DoRA(2, 3.0, ATTENTION).apply,
    "LoRA, then a head": lambda m, rng: HeadTuning(3).apply(
        LoRA(2, 3.0, ATTENTION).apply(m, rng), rng
    ),
    "norms": norms_only,
    "top block": top_block_only,
}
