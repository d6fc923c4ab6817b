"""NF4: sixteen levels, a scale for each block, and what they promise.

`quantize(w, block)` is whatever `dequantize` gives back as an array of w's shape; `nbytes` says how
much it holds. The levels are those of Dettmers et al. 2023, arXiv 2305.14314, §3 and appendix E.
"""

import numpy as np

from ..quant.nf4 import CODEBOOK, MIDPOINTS
from .drawn import weights
from .law import Broken, law

NF4 = {"lesson": 5, "draws": weights}
BOTH = "quantize dequantize"
WIDEST = float(np.diff(CODEBOOK).max()) / 2  # half of the widest gap between two levels


def there_and_back(s, w, block):
    """What comes back, in w's shape: whether that comes back too is a law of its own."""
    back = s.dequantize(s.quantize(w, block))
    if np.size(back) != w.size:
        raise Broken("how many numbers come back", np.size(back), w.size)
    return back.reshape(w.shape)


def levels(s, block):
    """The levels that are reached: what comes of a fine grid over absmax 1."""
    grid = np.concatenate([np.linspace(-1, 1, block)] * 2)
    return np.unique(there_and_back(s, grid, block).round(6))


def absmax(w, block):
    """The scale of each number: the largest of its block  (n,)"""
    blocks = [w[i : i + block] for i in range(0, len(w), block)]
    return np.concatenate([np.full(len(part), np.abs(part).max()) for part in blocks])


@law(BOTH, "a code is never given, or two stand for one level", **NF4)
def sixteen_levels_are_reached(s, block):
    """Four bits are paid for sixteen levels; one that no number reaches is a bit wasted."""
    s.same("the number of levels reached", len(levels(s, block)), 16, {
        "the table is symmetric, with no zero or two": 15, "the sign takes a bit of its own": 14,
    })  # fmt: skip


@law(BOTH, "another table than NF4's", **NF4)
def the_levels_are_nf4s(s, block):
    """Quantiles of the normal distribution: seven below zero, eight above (QLoRA, appendix E)."""
    s.same("the levels reached", levels(s, block), CODEBOOK, {
        "evenly spaced: int4": np.linspace(-1, 1, 16),
        "mirrored: the zero and the eighth positive are missing": mirrored(),
    }, tolerance=1e-4)  # fmt: skip


def mirrored():
    half = CODEBOOK[8:]
    return np.concatenate([-half[::-1], half])


@law(BOTH, "the table has no zero level", **NF4)
def zero_stays_zero(s, w, block):
    """Padding, masks and pruned weights are exact zeros, and one level is theirs."""
    w = w.copy()
    w[::3] = 0
    s.same("what the zeros become", there_and_back(s, w, block)[::3], 0 * w[::3], tolerance=1e-12)


@law(BOTH, "the scale is not the largest absolute value of the block", **NF4)
def the_largest_of_a_block_is_exact(s, w, block):
    """absmax is stored, and −1 and 1 are levels: so a block's largest number comes back."""
    scale = absmax(w, block)
    at = np.abs(w) == scale
    s.same("the largest number of each block", there_and_back(s, w, block)[at], w[at])


@law(BOTH, "rounded to another than the nearest level", **NF4)
def each_number_goes_to_the_nearest_level(s, w, block):
    """Of the sixteen times absmax, none is nearer."""
    scale = absmax(w, block)
    gaps = np.abs(w[:, None] - scale[:, None] * CODEBOOK)
    s.same("|w - what came back|", np.abs(w - there_and_back(s, w, block)), gaps.min(axis=1), {
        "cut off to the level below": np.abs(w - scale * floored(w / scale)),
    }, tolerance=1e-4)  # fmt: skip


def floored(scaled):
    return CODEBOOK[np.clip(np.searchsorted(CODEBOOK, scaled, side="right") - 1, 0, 15)]


@law(BOTH, "a block's scale is another block's, or the scale is rounded too coarsely", **NF4)
def the_error_is_bounded(s, w, block):
    """|w − ŵ| ≤ absmax times half the widest gap, 0.152, for each number of each block."""
    error = np.abs(w - there_and_back(s, w, block)) / absmax(w, block)
    if not error.max() <= WIDEST + 1e-3:
        raise Broken("the largest |w - ŵ| / absmax", error.max(), f"at most {WIDEST:.4f}")


@law(BOTH, "a number half way goes to the upper level", **NF4)
def ties_go_to_the_lower_level(s, block):
    """Half way between two levels it is a convention: the lower, as bitsandbytes' Python has it."""
    w = np.concatenate([[1.0], MIDPOINTS, np.zeros(block - 16)])
    s.same("the fifteen midpoints", there_and_back(s, w, block)[1:16], CODEBOOK[:15], {
        "the upper level is taken": CODEBOOK[1:],
    })  # fmt: skip


@law(BOTH, "one scale for the whole array", **NF4)
def each_block_has_its_own_scale(s, w, block):
    """A large number spoils its own block and no other."""
    larger = w.copy()
    larger[:block] *= 8
    before, after = there_and_back(s, w, block), there_and_back(s, larger, block)
    s.same("the blocks beside the one that grew", after[block:], before[block:])
    s.same("the block that grew by 8", after[:block], 8 * before[:block])


@law(BOTH, "the end that fills no block is lost, padded or scaled by another", **NF4)
def a_ragged_end_is_a_block(s, w, block):
    """n need be no multiple of the block: what is left is a block of its own, as if zeros filled
    it up."""
    back, start = there_and_back(s, w, block), len(w) // block * block
    if start < len(w):
        filled = np.concatenate([w[start:], np.zeros(block + start - len(w))])
        s.same("the end", back[start:], there_and_back(s, filled, block)[: len(w) - start])


@law(BOTH, "the shape is not kept beside the codes", **NF4)
def the_shape_comes_back(s, w, block):
    """A vector comes back a vector, and a matrix a matrix."""
    for array in (w, w[:block].reshape(2, -1)):
        got = np.shape(s.dequantize(s.quantize(array, block)))
        if got != array.shape:
            raise Broken("the shape that comes back", str(got), str(array.shape))


@law(BOTH, "divided by an absmax of zero", **NF4)
def a_block_of_zeros_is_zeros(s, w, block):
    """A pruned or padded block has absmax 0, and 0/0 is no number."""
    w = w.copy()
    w[:block] = 0
    s.same("the block of zeros", there_and_back(s, w, block)[:block], np.zeros(block))


@law(BOTH, "the levels that are stored are not the levels that are compared with", **NF4)
def rounding_again_changes_nothing(s, w, block):
    """What came back lies on the levels: quantized again, it is the same."""
    once = there_and_back(s, w, block)
    s.same("rounded twice", there_and_back(s, once, block), once)


@law(BOTH, "blocks run down the columns, or begin anew with each row", **NF4)
def blocks_follow_the_rows(s, w, block):
    """A matrix is its rows one after the other, and a block may reach into the next row."""
    square = np.resize(w, (6, block // 2 + block // 4))
    flat = there_and_back(s, square.ravel(), block)
    s.same("a matrix", there_and_back(s, square, block), flat.reshape(square.shape))


@law(f"{BOTH} nbytes", "codes take a byte each, or scales are counted otherwise", **NF4)
def a_weight_takes_four_bits_and_its_share_of_a_scale(s, w, block, whole):
    """4 + 32/block bits: 4.5 at blocks of 64, with float32 scales."""
    w = w[: whole * block]
    bits = 8 * s.nbytes(s.quantize(w, block)) / len(w)
    s.same("bits a weight", bits, 4 + 32 / block, {
        "a code takes a byte": 8 + 32 / block, "the scales are not counted": 4.0,
    })  # fmt: skip
