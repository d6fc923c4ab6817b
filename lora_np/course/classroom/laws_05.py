"""Lesson 5: NF4."""

import numpy as np
from hypothesis import strategies as st

from ...quant.nf4 import CODEBOOK, MIDPOINTS, quantize_nf4, unpack
from .exercise import Exercise
from .inputs import Broken, expect, parts, same

BOOK = Exercise("5.1", "The NF4 codebook", "implement", answer="codebook", points=3)


def numbers(codebook):
    book = np.asarray(codebook())
    same("the codebook's shape", np.zeros(book.shape), np.zeros(16))
    return book


@BOOK.law("sixteen numbers rising from -1 to 1, as float32")
def rises_from_minus_one_to_one(codebook):
    """Which step makes the largest number exactly 1? And is the result float32?"""
    book = numbers(codebook)
    expect(book.dtype == np.float32, f"expected float32, got {book.dtype}")
    expect((np.diff(book) > 0).all(), "the numbers do not rise from each to the next")
    expect(
        abs(book[0] + 1) < 1e-6 and abs(book[-1] - 1) < 1e-6,
        f"the first and last are {book[0]:.4f} and {book[-1]:.4f}",
    )


@BOOK.law("one exact zero, 7 negative numbers and 8 positive ones")
def zero_is_there_once(codebook):
    """The two sides come from 8 and 9 points of linspace, each without its last. Who adds the
    zero?"""
    book = numbers(codebook)
    counts = [int(part.sum()) for part in (book < 0, book == 0, book > 0)]
    expect(counts == [7, 1, 8], f"negative, zero, positive: {counts}")


@BOOK.law("all sixteen have the published bits")
def bits_are_the_published(codebook):
    """The order of rounding counts: probabilities to float32 first, quantiles of those, to
    float32, and then divide by the largest. NormalDist().inv_cdf takes a Python float."""
    wrong = int((numbers(codebook).view(np.uint32) != CODEBOOK.view(np.uint32)).sum())
    expect(wrong == 0, f"{wrong} of 16 numbers have other bits")


QUANTIZE = Exercise("5.2", "Quantize in blocks", "implement", answer="codes_of", points=3)


@st.composite
def flats(draw):
    """{flat, size}: a flat float32 array, and a block's size; the last block may be shorter."""
    size = draw(st.integers(2, 6), label="size")
    n = draw(st.integers(2, 15), label="n")
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    flat = (rng.standard_normal(n) * 3.0 ** rng.integers(-2, 3, n)).round(1)
    return {"flat": np.where(flat == 0, 0.1, flat).astype(np.float32), "size": size}


def codes(answer, flat, size):
    got = np.asarray(answer(flat, size))
    same("the codes' shape", np.zeros(got.shape), np.zeros(flat.shape))
    expect(np.isin(got, range(16)).all(), f"codes are whole numbers from 0 to 15, got {got}")
    return got.astype(int)


@QUANTIZE.law("the largest of each block, by absolute value, is kept: code 0 or 15", flats())
def extremes_are_kept(codes_of, flat, size):
    """Each block has a scale of its own, the largest |x| in it; the last block may be short."""
    got = codes(codes_of, flat, size)
    for start in range(0, len(flat), size):
        block = flat[start : start + size]
        i = int(np.abs(block).argmax())
        wanted = 15 if block[i] > 0 else 0
        expect(
            got[start + i] == wanted,
            f"{block[i]} is the extreme of its block {block}, and got code {got[start + i]}",
        )


@QUANTIZE.law("each code is the nearest number of the codebook", flats())
def codes_are_nearest(codes_of, flat, size):
    """Nearest, not the next below: where do two codes meet? At the middle between them."""
    got = codes(codes_of, flat, size)
    true = quantize_nf4(flat, size).unpack()
    expect(
        np.array_equal(got, true),
        f"{(got != true).sum()} of {len(flat)} codes are not the nearest; yours: {got}",
    )


@QUANTIZE.law("halfway between two codes, the lower one")
def ties_go_low(codes_of):
    """Count the middles that lie strictly below x, or look up np.searchsorted's `side`."""
    flat = np.concatenate([[1], MIDPOINTS]).astype(np.float32)
    got = codes(codes_of, flat, len(flat))[1:]
    expect(np.array_equal(got, np.arange(15)), f"the fifteen middles gave the codes {got}")


PACK = Exercise("5.3", "Two codes a byte", "implement", answer="pack", points=2)


@st.composite
def some_codes(draw):
    n = draw(st.integers(1, 7), label="n")
    return {"codes": np.array(draw(st.lists(st.integers(0, 15), min_size=n, max_size=n)), np.uint8)}


@PACK.law("n codes become (n + 1) // 2 bytes of dtype uint8", some_codes())
def makes_half_as_many_bytes(pack, codes):
    """A last code without a partner takes a byte too."""
    packed = np.asarray(pack(codes))
    expect(packed.dtype == np.uint8, f"expected dtype uint8, got {packed.dtype}")
    want = ((len(codes) + 1) // 2,)
    expect(packed.shape == want, f"your shape is {packed.shape}, expected {want}")


@PACK.law("unpacked, the codes are back", some_codes())
def unpacks_to_the_same(pack, codes):
    """The even element (0, 2, …) goes into the high half: 16 times as much as the low half."""
    back = unpack(np.asarray(pack(codes)), len(codes))
    expect(np.array_equal(back, codes), f"they come back as {back}")


@PACK.law("after an odd last code the low half holds 7, the code of zero", some_codes())
def odd_ends_in_zero(pack, codes):
    """What number should stand for nothing?"""
    if len(codes) % 2:
        low = int(np.asarray(pack(codes))[-1]) % 16
        expect(low == 7, f"the last low half is {low}")


SIZE = Exercise("5.4", "Block size", "predict and explain", answer="bits_and_errors", points=3)


def three(answer):
    for number in parts(answer, "bits", "error at 32", "error at 128"):
        if isinstance(number, str) or not np.isfinite(number):
            raise Broken(f"expected three numbers, got {answer}")
    return answer


@SIZE.law("bits a weight in blocks of 128: 4, and a share of a float32")
def bits_count_the_scale(bits_and_errors):
    """Each block stores one float32 beside its codes. How many weights share it?"""
    bits = three(bits_and_errors)[0]
    expect(abs(bits - (4 + 32 / 128)) < 1e-6, "the bits are not right")


def error(size):
    x = np.random.default_rng(0).standard_normal(1 << 17).astype(np.float32)
    return float(np.mean((quantize_nf4(x, size).dequantize() - x) ** 2))


@SIZE.law("mean squared error on N(0, 1) in blocks of 32 and 128, to 5 %")
def errors_are_measured(bits_and_errors):
    """Measure: quantize_nf4(x, size).dequantize() against x, for many normal numbers. A larger
    block has a larger absmax: are its steps finer or coarser?"""
    _, small, large = three(bits_and_errors)
    wrong = [size for size, got in ((32, small), (128, large)) if abs(got / error(size) - 1) > 0.05]
    expect(not wrong, f"measured here, the error in blocks of {wrong} is another")


EXERCISES = [BOOK, QUANTIZE, PACK, SIZE]
