"""Q8_0 of GGUF: 32 numbers share a float16, and −127 … 127 times it.

    scale = max |x| / 127          x ≈ scale · code

Halves go away from 0, and codes are chosen with the scale before its rounding.
"""

from dataclasses import dataclass

import numpy as np

from .format import Format, largest, reciprocal


@dataclass(frozen=True)
class Q8_0(Format):  # noqa: N801  the field's name
    """Two bytes of scale for 32 codes of a byte each: 8.5 bits a number."""

    group = 32
    scale_bytes = 2
    codes_bytes = 32

    def fit(self, blocks):
        return (largest(blocks) / np.float32(127),)

    def store(self, scale):
        return {"scale": scale.astype(np.float16)}

    def scales(self, stored):
        return (stored["scale"].astype(np.float32),)

    def encode(self, x, scale):
        ratio = x * reciprocal(scale)
        size = np.abs(ratio)
        whole = np.floor(size)
        whole += size - whole >= np.float32(0.5)
        return (np.sign(ratio) * np.minimum(whole, 127)).astype(np.int8)

    def pack(self, codes):
        return codes.reshape(len(codes), self.group)

    def unpack(self, packed):
        return packed.reshape(len(packed), 1, self.group)

    def values(self, codes):
        return codes.astype(np.float32)

    def unpacked_values(self, packed):
        return self.values(self.unpack(packed))
