"""Q4_1 of GGUF: 32 numbers share two float16, a step and the lowest number.

    scale = (max x − min x) / 15          x ≈ scale · code + offset          offset = min x

SmolLM2's file is in it. Codes are chosen with both before their rounding.
"""

from dataclasses import dataclass

import numpy as np

from .format import Affine, reciprocal


@dataclass(frozen=True)
class Q4_1(Affine):  # noqa: N801  the field's name
    """Four bytes of scales for 32 codes: 5 bits a number."""

    group = 32
    half = 16
    scale_bytes = 4

    def fit(self, blocks):
        offset = blocks.min(axis=-1, keepdims=True)
        with np.errstate(over="ignore"):  # refused where it is stored
            scale = (blocks.max(axis=-1, keepdims=True) - offset) / np.float32(15)
        return scale, offset

    def store(self, scale, offset):
        return {"scale": scale.astype(np.float16), "offset": offset.astype(np.float16)}

    def scales(self, stored):
        return stored["scale"].astype(np.float32), stored["offset"].astype(np.float32)

    def encode(self, x, scale, offset):
        """Halves go up: ⌊(x − offset)/scale + ½⌋."""
        levels = np.floor((x - offset) * reciprocal(scale) + np.float32(0.5))
        return np.clip(levels, 0, 15).astype(np.uint8)
