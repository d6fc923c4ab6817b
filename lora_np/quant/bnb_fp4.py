"""bitsandbytes' FP4: eight sizes and a sign, 0, 1/192, 1/6, 1/4, 1/3, 1/2, 2/3 and 1 times absmax.

Not E2M1: its least number above 0 is a 192nd of its largest, where E2M1's is a twelfth.
"""

from dataclasses import dataclass

import numpy as np

from .nf4 import CODES, NF4

ORDER = np.argsort(CODES["fp4"], kind="stable").astype(np.uint8)  # codes by what they stand for
VALUES = CODES["fp4"][ORDER]
MIDPOINTS = (VALUES[:-1] + VALUES[1:]) / 2


def nearest_fp4(scaled, out):
    """out = the nearest code, and the lower number's in a tie, as NF4 has it.

    Of the two zeros code 8 is above code 0: so it is, on a CPU, in bitsandbytes.
    """
    rank = np.zeros(scaled.shape, np.uint8)
    for midpoint in MIDPOINTS:
        rank += scaled > midpoint
    out[...] = ORDER[rank]


@dataclass(frozen=True)
class BnbFP4(NF4):
    """NF4's blocks, scales and bytes with the sixteen numbers of FP4."""

    kind = "fp4"
    table = CODES["fp4"]
    nearest = staticmethod(nearest_fp4)
