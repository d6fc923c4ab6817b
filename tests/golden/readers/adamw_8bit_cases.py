"""What bitsandbytes' AdamW8bit and ours are given: the same numbers on every machine."""

from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "data" / "adamw_8bit.npz"
SIZE, STEPS = 4096 + 77, 3  # the last block is ragged
SETTINGS = {"lr": 0.01, "betas": (0.9, 0.995), "eps": 1e-8, "weight_decay": 0.1}


def numbers(step):
    """(SIZE,) float32 of seven magnitudes, some blocks of zeros: weights (step 0) or a gradient."""
    i = np.arange(SIZE, dtype=np.int64)
    mixed = (i * 2654435761 + step * 40503 * 65537) // 65536 % 65536 - 32768
    values = mixed / 32768 * 10.0 ** -(i % 7)
    values[256:512] *= step != 1
    return values.astype(np.float32)
