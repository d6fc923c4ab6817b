"""E2M1: the sixteen floats of four bits, alone with a scale in float32 for each group.

A sign, two bits of exponent, one of fraction (OCP Microscaling Formats 1.0, §5.3.3):

    ±0, ½, 1, 1½, 2, 3, 4, 6            x ≈ scale · E2M1[code]          scale = max |x| / 6
"""

from dataclasses import dataclass

import numpy as np

from .format import TINY, Grouped, largest

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
E2M1 = np.concatenate([E2M1, -E2M1])  # (16,), by code
LARGEST = np.float32(6)


def nearest_e2m1(x):
    """The code of the nearest, and in a tie of the one whose fraction bit is 0; beyond 6 it is 6.

    A midpoint above an even code belongs to that code, one above an odd code to the next.
    """
    size = np.abs(x)
    codes = (np.signbit(x) * np.uint8(8)).astype(np.uint8)
    for code, midpoint in enumerate((E2M1[:7] + E2M1[1:8]) / 2):
        codes += size >= midpoint if code % 2 else size > midpoint
    return codes


@dataclass(frozen=True)
class FP4(Grouped):
    """E2M1 in groups, scaled so that the largest becomes 6."""

    scale_bytes = 4
    table = E2M1

    def fit(self, blocks):
        return (np.maximum(largest(blocks) / LARGEST, TINY),)

    def store(self, scale):
        return {"scale": scale}

    def scales(self, stored):
        return (stored["scale"],)

    def encode(self, x, scale):
        return nearest_e2m1(x / scale)
