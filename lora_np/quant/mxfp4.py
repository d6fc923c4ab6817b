"""MXFP4: 32 numbers in E2M1 share a power of two, one byte (OCP Microscaling Formats 1.0, §6.3).

    scale = 2^(⌊log₂ max |x|⌋ − 2)          x ≈ scale · E2M1[code]

2 is the exponent of E2M1's largest, 6. So max |x| / scale lies from 4 to below 8: from 4 to 6 the
top of the scale is unused, and above 6 the largest number is cut to 6.
"""

from dataclasses import dataclass

import numpy as np

from .e2m1 import E2M1, nearest_e2m1
from .format import Format, largest

BIAS = 127  # E8M0: the byte e stands for 2^(e − 127)
LEAST = np.float32(2.0**-BIAS)


@dataclass(frozen=True)
class MXFP4(Format):
    """A byte of exponent for 32 codes: 4.25 bits a number."""

    group = 32
    scale_bytes = 1
    table = E2M1

    def fit(self, blocks):
        top = np.maximum(largest(blocks), LEAST)  # zeros take the least power
        exponent = np.frexp(top)[1] - 3  # its fraction lies from ½ to 1: this is ⌊log₂⌋ − 2
        return (np.ldexp(np.float32(1), np.maximum(exponent, -BIAS)),)

    def store(self, scale):
        """The nearest power of two, in its logarithm; HQQ's scales may lie between two."""
        exponent = np.rint(np.log2(scale)).astype(np.int32)
        return {"scale": np.clip(exponent + BIAS, 0, 2 * BIAS).astype(np.uint8)}

    def scales(self, stored):
        return (np.ldexp(np.float32(1), stored["scale"].astype(np.int32) - BIAS),)

    def encode(self, x, scale):
        return nearest_e2m1(x / scale)
