"""The golden directories of golden/make_hf.py and golden/make_peft.py, and how far we are off."""

import json
from pathlib import Path

import numpy as np

from helpers.safetensors_files import load_file

GOLDEN = Path(__file__).parents[1] / "data"
GPT2S = sorted(path.name for path in (GOLDEN / "hf").iterdir())
ADAPTERS = sorted(path.name for path in (GOLDEN / "peft").iterdir())


def base_of(name):
    """The directory of the GPT-2 that the golden adapter was trained beside."""
    config = json.loads((GOLDEN / "peft" / name / "adapter_config.json").read_text())
    return GOLDEN / "hf" / config["base_model_name_or_path"]


def difference(model, directory):
    """max|ours − theirs| / max|theirs| of the logits in `expected.safetensors`."""
    expected = load_file(directory / "expected.safetensors")
    logits = model(expected["tokens"])
    if expected["logits"].ndim == 2:  # transformers shows classes at the last position only
        logits = logits[:, -1]
    assert logits.shape == expected["logits"].shape
    return float(np.abs(logits - expected["logits"]).max() / np.abs(expected["logits"]).max())
