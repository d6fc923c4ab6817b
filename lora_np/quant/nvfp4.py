"""NVFP4: 16 numbers in E2M1 share a scale in E4M3, one byte, and the tensor a float32.

    g = max |x| over the tensor / (448 · 6)
    scale = E4M3(max |x| over the block / 6 / g)        x ≈ E2M1[code] · scale · g

448 is E4M3's largest: four bits of exponent, three of fraction, and no infinity (Micikevicius et
al. 2022, arXiv 2209.05433, table 1). With g the largest block's scale is that.
"""

from dataclasses import dataclass, replace

import numpy as np

from ..system.checks import check_real
from .e2m1 import E2M1, LARGEST, nearest_e2m1
from .format import TINY, Format, largest

TOP = np.float32(448)
LEAST = np.float32(2**-6)  # E4M3's least normal number; torchao's scales are none below it


def to_e4m3(x):
    """The byte of E4M3 nearest to each x from 0, a tie to the even one; 448 for all above."""
    x = np.minimum(np.asarray(x, np.float32), TOP)
    bits = x.view(np.uint32)
    even = (bits >> np.uint32(20)) & np.uint32(1)  # the last fraction bit that stays
    normal = ((bits + np.uint32(0x7FFFF) + even) >> np.uint32(20)).astype(np.int32) - (120 << 3)
    subnormal = np.rint(x * np.float32(2**9))  # steps of 2⁻⁹
    return np.where(x < LEAST, subnormal, normal).astype(np.uint8)


def from_e4m3(code):
    """What bytes from 0 to 126 stand for: 2^(exponent − 7) · (1 + fraction/8), or fraction/512."""
    exponent, fraction = (code >> np.uint8(3)).astype(np.int32), code & np.uint8(7)
    first = np.where(exponent > 0, np.float32(8), np.float32(0))
    return np.ldexp(first + fraction.astype(np.float32), np.maximum(exponent, 1) - 10)


@dataclass(frozen=True)
class NVFP4(Format):
    """A byte of scale for 16 codes, and 4 bytes a tensor: 4.5 bits a number. `top` is g."""

    top: float = 1.0

    group = 16
    scale_bytes = 1
    table = E2M1

    def __post_init__(self):
        check_real("NVFP4: expected top, the scale of a tensor,", self.top)

    def nbytes(self, size):
        return super().nbytes(size) + 4

    def bound_to(self, flat):
        top = np.abs(flat).max(initial=0) / (TOP * LARGEST)
        return replace(self, top=float(np.maximum(top, TINY)))

    def fit(self, blocks):
        scale = largest(blocks) / LARGEST / np.float32(self.top)
        return (from_e4m3(to_e4m3(np.maximum(scale, LEAST))) * np.float32(self.top),)

    def store(self, scale):
        code = to_e4m3(np.maximum(scale / np.float32(self.top), LEAST))
        return {"scale": code, "top": np.float32([self.top])}

    def scales(self, stored):
        return (from_e4m3(stored["scale"]) * stored["top"],)

    def encode(self, x, scale):
        """x · (1/g / E4M3), two roundings, as torchao has it."""
        (top,) = np.float32([self.top])
        return nearest_e2m1(x * (1 / top / from_e4m3(to_e4m3(scale / top))))
