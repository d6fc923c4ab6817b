"""The golden directories of golden/make_hf.py and golden/make_peft.py, and how far we are off."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

GOLDEN = Path(__file__).parent / "golden"
GPT2S = sorted(path.name for path in (GOLDEN / "hf").iterdir())


def difference(model, directory):
    """max|ours − theirs| / max|theirs| of the logits in `expected.safetensors`."""
    expected = load_file(directory / "expected.safetensors")
    logits = model(expected["tokens"])
    assert logits.shape == expected["logits"].shape
    return float(np.abs(logits - expected["logits"]).max() / np.abs(expected["logits"]).max())
