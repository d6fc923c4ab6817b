"""The layer on which GPTQ and HQQ are held to their own libraries: where its numbers come from."""

from pathlib import Path

import numpy as np

TARGET = Path(__file__).parents[1] / "data" / "rounding.npz"
OUT, IN, GROUPS = 16, 64, (16, 32, 64)


def layer():
    """(Wᵀ (out, in), H (in, in)), float32: inputs that go together, H whole and so exact."""
    rng = np.random.default_rng(0)
    together = rng.integers(-3, 4, (200, 6)) @ rng.integers(-2, 3, (6, IN))
    x = together + rng.integers(-3, 4, (200, IN))
    return rng.standard_normal((OUT, IN)).astype(np.float32), (x.T @ x).astype(np.float32)


def wide_blocks():
    """(n, 64) float32 blocks from 0 to 15, whose scale is 1: HQQ's library measures errors as ours
    does only there."""
    x = np.random.default_rng(1).standard_normal((24, 64)).astype(np.float32)
    x -= x.min(axis=1, keepdims=True)
    return x / x.max(axis=1, keepdims=True) * np.float32(15)
