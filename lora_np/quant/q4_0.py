"""Q4_0 of GGUF: 32 numbers share a float16, and −8 … 7 times it; the largest lies on −8.

    scale = x of the largest |x| / −8          x ≈ scale · (code − 8)

So the scale may be negative, and all sixteen codes are used. As in a file: code 0 … 15 in a block's
low half bytes, 16 … 31 in its high ones. Codes are chosen with the scale before its rounding.
"""

from dataclasses import dataclass

import numpy as np

from .format import Format, reciprocal


@dataclass(frozen=True)
class Q4_0(Format):  # noqa: N801  the field's name
    """Two bytes of scale for 32 codes: 4.5 bits a number."""

    group = 32
    half = 16
    scale_bytes = 2
    table = np.arange(-8, 8, dtype=np.float32)

    def fit(self, blocks):
        at = np.abs(blocks).argmax(axis=-1, keepdims=True)
        return (np.take_along_axis(blocks, at, axis=-1) / np.float32(-8),)

    def store(self, scale):
        return {"scale": scale.astype(np.float16)}

    def scales(self, stored):
        return (stored["scale"].astype(np.float32),)

    def refit(self, target, values, scale):
        """The scale may be negative, so it is turned to look like any other's."""
        (found,) = super().refit(target * np.sign(scale), values, np.abs(scale))
        return (found * np.sign(scale),)

    def encode(self, x, scale):
        """Halves go up: ⌊x/scale + 8½⌋."""
        levels = np.floor(x * reciprocal(scale) + np.float32(8.5))
        return np.clip(levels, 0, 15).astype(np.uint8)
