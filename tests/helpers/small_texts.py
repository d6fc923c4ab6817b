"""A tiny GPT that reads bytes, and Texts that it learns in a few steps."""

import numpy as np

from lora_np.nn import GPT, GPTConfig
from lora_np.tasks import text
from lora_np.tokenizers.byte import VOCABULARY

TINY = GPTConfig(VOCABULARY, n_positions=40, n_embd=16, n_layer=1, n_head=2)


def tiny_gpt():
    return GPT(TINY, np.random.default_rng(0))


def repeating(name, words):
    return text.split(name, {f"{name} {i}": f"{i}: {words * 40}" for i in range(3)})
