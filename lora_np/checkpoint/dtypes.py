"""The kinds of numbers that weights may be in, and bfloat16, which NumPy does not have.

A bfloat16 is a float32's upper 16 bits. Arrays of them are here in a dtype of one field.
"""

import numpy as np

BFLOAT16 = np.dtype([("bfloat16", "<u2")])
COMPUTED = ("float32", "float64")  # what a model computes in
WRITTEN = ("float16", "bfloat16", *COMPUTED)


def float_dtype(dtype, who, known=COMPUTED):
    """The NumPy dtype of floats that `dtype` means, in any spelling; BFLOAT16 for bfloat16.

    Raises: ValueError, in the name of `who`, for what holds no weights: int8 would make them zeros.
    """
    try:
        name = dtype if dtype == "bfloat16" else np.dtype(dtype).name
    except TypeError:
        name = None
    if name not in known:
        raise ValueError(f"{who}: expected a dtype of {', '.join(known)}, got {dtype!r}")
    return BFLOAT16 if name == "bfloat16" else np.dtype(name)


def as_written(array, dtype, who, name):
    """The array as a file holds it in `dtype`; None leaves it in its own.

    Raises: ValueError for a dtype that holds no weights, or a number that is not finite in it.
    """
    dtype = float_dtype(array.dtype if dtype is None else dtype, who, WRITTEN)
    with np.errstate(over="ignore"):  # too large for `dtype` becomes inf, refused below
        if dtype == BFLOAT16:
            result = to_bfloat16(array)
            finite = (result.view("<u2") & 0x7F80 != 0x7F80).all()  # inf and NaN: all exponent bits
        else:
            result = array.astype(dtype, copy=False)
            finite = np.isfinite(result).all()
    if not finite:
        raise ValueError(f"{who}: {name} is not finite in {dtype_name(result)}")
    return result


def dtype_name(array):
    """What config.json calls the numbers of this array."""
    return "bfloat16" if array.dtype == BFLOAT16 else array.dtype.name


def to_bfloat16(array):
    """The nearest bfloat16s; of two as near, the one whose last bit is 0, as torch rounds."""
    bits = array.astype("<f4", order="C").view("<u4")
    odd = bits >> 16 & 1  # half a step, less one where that would turn a tie upwards to odd
    rounded = (bits + 0x7FFF + odd >> 16).astype("<u2")
    return np.where(np.isnan(array), np.uint16(0x7FC0), rounded).astype("<u2").view(BFLOAT16)


def from_bfloat16(bits):
    """float32s whose upper halves are `bits`, as whole numbers: 16 zero bits complete them."""
    return (bits.astype(np.uint32) << np.uint32(16)).view(np.float32)
