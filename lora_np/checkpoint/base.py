"""The base model that comes with the package."""

import pathlib

from .gpt2 import load_gpt2

BASE = pathlib.Path(__file__).parent.parent / "data" / "base"


def load_base():
    """The small language model that lessons start from: bytes of English prose, 0.85 M weights.

    `python -m lora_np pretrain` trained it; `data/base/training.json` holds its curve. In float32
    and all trainable, as a new GPT is; no network is needed.
    """
    return load_gpt2(BASE)
