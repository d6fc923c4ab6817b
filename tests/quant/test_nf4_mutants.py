"""Break NF4 on purpose: the golden comparison and the laws must notice."""

import numpy as np
import pytest

from golden.readers.compare_nf4 import compare
from lora_np.quant import double_quant, nf4


def nibbles_swapped(patch):
    pack = nf4.pack
    patch.setattr(nf4, "pack", lambda codes: (pack(codes) >> 4) | (pack(codes) << np.uint8(4)))
    patch.setitem(
        nf4.PAIRS, "nf4", nf4.PAIRS["nf4"].reshape(16, 16).T.copy().ravel()
    )  # undone consistently


def symmetric_table(patch):
    half = nf4.normal_quantiles(8)
    table = np.sort(np.float32([-q for q in half] + half) / np.float32(half[0]))
    use_table(patch, table)


def equal_mass_table(patch):
    quantile = nf4.NormalDist().inv_cdf
    table = np.float32([quantile((i + 0.5) / 16) for i in range(16)])
    use_table(patch, table / table.max())


def use_table(patch, table):
    pairs = np.stack([np.repeat(table, 16), np.tile(table, 16)], axis=1)
    patch.setitem(nf4.PAIRS, "nf4", pairs.view(np.float64).ravel())
    patch.setattr(nf4, "MIDPOINTS", (table[:-1] + table[1:]) / 2)


def tie_to_the_upper_code(patch):
    def nearest_codes(scaled, out):
        out[...] = np.searchsorted(nf4.MIDPOINTS, scaled, side="right")

    patch.setattr(nf4, "nearest_codes", nearest_codes)


def one_scale_for_all(patch):
    absmax = nf4.block_absmax
    patch.setattr(
        nf4, "block_absmax", lambda x, size: np.full_like(absmax(x, size), np.abs(x).max(initial=0))
    )


def signed_maximum_as_scale(patch):
    def block_absmax(flat, size):
        return np.float32([flat[i : i + size].max() for i in range(0, flat.size, size)])

    patch.setattr(nf4, "block_absmax", block_absmax)


def ragged_block_forgotten(patch):
    chunks = nf4.chunks
    patch.setattr(
        nf4, "chunks", lambda n, size: ((a, max(b - b % size, a)) for a, b in chunks(n, size))
    )


def offset_forgotten(patch):
    right = double_quant.DoubleQuantized.dequantize
    patch.setattr(
        double_quant.DoubleQuantized, "dequantize", lambda self: right(self) - self.offset
    )


def offset_never_taken_off(patch):
    right = double_quant.double_quantize
    patch.setattr(
        "golden.readers.compare_nf4.double_quantize", lambda scales, _=None: right(scales, 0.0)
    )


def scales_to_their_nearest_code(patch):
    """By exact distance, and not through the 65,536 points: a few codes differ."""
    patch.setattr(double_quant, "BINS", 1 << 22)
    middles = (double_quant.DYNAMIC_MAP[:-1] + double_quant.DYNAMIC_MAP[1:]) / 2
    points = np.linspace(-1, 1, double_quant.BINS + 1)
    mutant = np.searchsorted(middles, points).astype(np.uint8)
    patch.setattr(double_quant, "code_of_bin", lambda: mutant)


MUTANTS = [
    nibbles_swapped,
    symmetric_table,
    equal_mass_table,
    tie_to_the_upper_code,
    one_scale_for_all,
    signed_maximum_as_scale,
    ragged_block_forgotten,
    offset_forgotten,
    offset_never_taken_off,
    scales_to_their_nearest_code,
]


@pytest.mark.filterwarnings("ignore")  # broken maths may divide by zero
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_the_golden_file_catches(mutant, monkeypatch):
    mutant(monkeypatch)
    assert any(bits for field, _, _, bits in compare() if field != "offset")
