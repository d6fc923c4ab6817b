"""Lesson 6b: other formats of four bits, and rounding that looks at the data."""

import numpy as np
from hypothesis import strategies as st

from ...quant.e2m1 import E2M1
from ...quant.formats import FORMATS
from ...quant.nvfp4 import from_e4m3, to_e4m3
from .exercise import Exercise
from .inputs import Broken, expect, same

SIXTEEN = Exercise("6.5", "E2M1's sixteen values", "implement", answer="e2m1", points=2)


def sixteen(answer):
    values = np.asarray(answer(), dtype=float)
    same("the shape", np.zeros(values.shape), np.zeros(16))
    return values


@SIXTEEN.law("codes 8 to 15 are the negatives of 0 to 7")
def the_sign_is_the_first_bit(e2m1):
    """The sign is the bit worth 8. The other three bits do not know of it."""
    values = sixteen(e2m1)
    same("values of 8 to 15", values[8:], -values[:8])


@SIXTEEN.law("with exponent 0 there are 0 and one half")
def the_smallest_are_half_apart(e2m1):
    """Exponent 0 has no hidden 1 before the fraction: else there would be no 0."""
    same("values of codes 0 and 1", sixteen(e2m1)[:2], np.array([0, 0.5]))


@SIXTEEN.law("all are those of the standard")
def all_are_e2m1(e2m1):
    """From exponent 1 on: 1 plus half the fraction bit, doubled with each exponent."""
    wrong = int((sixteen(e2m1) != E2M1).sum())
    expect(wrong == 0, f"{wrong} of 16 values are others")


ROUND = Exercise("6.6", "A scale in E4M3", "implement", answer="e4m3", points=3)


@st.composite
def scales(draw):
    """{x}: a few numbers from E4M3's least normal number, 1/64, to beyond its largest, 448."""
    n, rng = draw(st.integers(1, 4)), np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    return {"x": np.exp(rng.uniform(np.log(1 / 64), np.log(600), n)).round(3).clip(1 / 64)}


def rounded(answer, x):
    got = np.asarray(answer(x), dtype=float)
    same("the shape", np.zeros(got.shape), np.zeros(x.shape))
    return got


@ROUND.law("what is in E4M3 stays", scales())
def exact_ones_stay(e4m3, x):
    """Between two powers of two there are eight numbers, evenly spaced."""
    exact = from_e4m3(to_e4m3(x)).astype(float)
    same("numbers that E4M3 has", rounded(e4m3, exact), exact)


@ROUND.law("nothing is above 448", scales())
def it_ends_at_448(e4m3, x):
    """The code after 448 means: not a number. So all above must stay below it."""
    got = rounded(e4m3, x + 430)
    expect((got <= 448).all(), f"{got.max()} came out")


@ROUND.law("each becomes the nearest", scales())
def nearest_in_e4m3(e4m3, x):
    """How far apart are the numbers near x? np.frexp gives the power of two; an eighth of the one
    below x is a step."""
    true = from_e4m3(to_e4m3(x)).astype(float)
    same("the nearest numbers of E4M3", rounded(e4m3, x), true)


HALVES = Exercise("6.7", "Pack as GGUF does", "implement", answer="pack", points=2)


@st.composite
def blocks(draw):
    """{codes}: (n, 32) whole numbers from 0 to 15."""
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    return {"codes": rng.integers(0, 16, (draw(st.integers(1, 3), label="n"), 32)).astype(np.uint8)}


@HALVES.law("a block of 32 codes becomes 16 bytes", blocks())
def a_block_is_sixteen_bytes(pack, codes):
    """Each byte holds two codes of one block."""
    packed = np.asarray(pack(codes))
    expect(packed.dtype == np.uint8, f"expected dtype uint8, got {packed.dtype}")
    same("the shape", np.zeros(packed.shape), np.zeros((len(codes), 16)))


@HALVES.law("it is what a file holds", blocks())
def a_file_holds_the_same(pack, codes):
    """Byte j: code j in the low four bits, code 16 + j in the high four. Not neighbours."""
    true = FORMATS["Q4_0"].pack(codes[:, None])
    same("the bytes", np.asarray(pack(codes)).astype(int), true.astype(int))


COLUMN = Exercise("6.8", "GPTQ's first column", "implement", answer="after_first", points=3)


@st.composite
def rows(draw):
    """{W, H}: weights (out, in), and Σ xᵀx of inputs that go together (in, in)."""
    n, out = draw(st.integers(2, 4), label="in"), draw(st.integers(1, 3), label="out")
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    x = rng.standard_normal((20, n)) + rng.standard_normal((20, 1))
    return {"W": rng.normal(0, 2, (out, n)).round(1), "H": (x.T @ x).round(1)}


def moved(answer, W, H):
    kept = W.copy()
    got = np.asarray(answer(W, H), dtype=float)
    same("the shape", np.zeros(got.shape), np.zeros(W.shape))
    if not np.array_equal(W, kept):
        raise Broken("the W that was given has changed: work on a copy")
    return got


@COLUMN.law("the first column is whole numbers, the nearest", rows())
def the_first_is_rounded(after_first, W, H):
    """np.rint, of the first column alone."""
    same("the first column", moved(after_first, W, H)[:, 0], np.rint(W[:, 0]))


@COLUMN.law("unrelated inputs: the others stay", rows())
def unrelated_ones_stay(after_first, W, H):
    """Where H is diagonal, nothing can make up for the first weight's error."""
    alone = np.diag(np.diag(H))
    same("the other columns", moved(after_first, W, alone)[:, 1:], W[:, 1:])


@COLUMN.law("no other values of the others lose less", rows())
def the_others_make_up(after_first, W, H):
    """The loss d H dᵀ, d = W less your result, is a bowl: where its slope along the others is 0, it
    is least. Which sign has the correction, and which row of the inverse does it take?"""
    slope = (W - moved(after_first, W, H)) @ H[:, 1:]
    same("the loss's slope along the other columns", slope, np.zeros(slope.shape), 1e-6)


EXERCISES = [SIXTEEN, ROUND, HALVES, COLUMN]
