"""Double quantization: the block scales in 8 bits (QLoRA: Dettmers et al. 2023, §3).

    scale ≈ DYNAMIC_MAP[code] · nested absmax + offset          offset = mean of the scales

Scales are positive and alike, so their mean is taken off first; what is left is quantized in
blocks of 256 on a signed 8-bit map, dense near zero (Dettmers et al. 2021, arXiv 2110.02861).
"""

import functools
from dataclasses import dataclass

import numpy as np

BLOCK = 256  # scales that share one nested absmax
BINS = 65535  # bitsandbytes on a CPU looks the code up at 65,536 equally spaced points


def make_dynamic_map(signed=True):
    """256 numbers from −0.993 to 1: 0, 1, and with both signs, for i from 0 to 6, 10^(i − 6) times
    the 2ⁱ cell centres of an even grid from 0.1 to 1. Without signs, from 0, 2ⁱ⁺¹ centres."""
    grids = [cell_centres(2**i if signed else 2 ** (i + 1)) for i in range(7)]
    positive = np.concatenate([np.float32(10.0 ** (i - 6)) * grid for i, grid in enumerate(grids)])
    return np.sort(np.concatenate([-positive[: signed * 127], np.float32([0, 1]), positive]))


def cell_centres(count):
    """The middles of `count` equal cells between 0.1 and 1, to the bit of the published map.

    So edges are counted from the nearer end, with the step in float32, as by its torch.linspace.
    """
    low, high = np.float32(0.1), np.float32(1)
    step = float((high - low) / np.float32(count))
    i = np.arange(count + 1, dtype=np.float64)
    edges = np.where(i < (count + 1) // 2, low + i * step, high - (count - i) * step)
    edges = edges.astype(np.float32)
    return (edges[:-1] + edges[1:]) / 2


DYNAMIC_MAP, UNSIGNED_MAP = map(make_dynamic_map, (True, False))  # (256,) float32, ascending


@functools.cache
def code_of_bin(signed=True):
    """The nearest entry at each point; a number close to a midpoint may so get the one beside."""
    values = DYNAMIC_MAP if signed else UNSIGNED_MAP
    midpoints = (values[:-1] + values[1:]) / 2
    return np.searchsorted(midpoints, np.linspace(-1, 1, BINS + 1)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class DoubleQuantized:
    """Positive float32 scales in 8 bits: what `double_quantize` returns.

    Shapes: codes (n,) uint8, nested_absmax (⌈n/256⌉,) and offset float32.
    """

    codes: np.ndarray
    nested_absmax: np.ndarray
    offset: np.float32

    def __post_init__(self):
        keep(self, "codes", np.uint8, (self.codes.size,))
        keep(self, "nested_absmax", np.float32, (-(-self.codes.size // BLOCK),))
        object.__setattr__(self, "offset", np.float32(self.offset))

    shape = property(lambda self: self.codes.shape)
    dtype = property(lambda self: self.offset.dtype)  # of what it stands for

    nbytes = property(lambda self: self.codes.nbytes + self.nested_absmax.nbytes + 4)

    def dequantize(self):
        return dequantize_blocks(self.codes, self.nested_absmax, DYNAMIC_MAP) + self.offset


def double_quantize(scales, offset=None):
    """The scales in 8 bits, around `offset`: their mean, where none is given.

    The mean is rounded once; torch's, added up in float32, may be a few last places beside it.
    Shapes: scales (n,) float32.
    """
    if offset is None:
        offset = scales.mean(dtype=np.float64) if scales.size else 0
    offset = np.float32(offset)
    return DoubleQuantized(*quantize_blocks(scales - offset, code_of_bin()), offset)


def quantize_blocks(x, code_of_bin):
    """(codes, absmax): each number over its block's absmax, as the code of the nearest bin.

    Shapes: x (n,) float32, codes (n,) uint8, absmax (⌈n/256⌉,) float32.
    """
    padded = np.zeros((-(-x.size // BLOCK), BLOCK), np.float32)  # with zeros: they move no maximum
    ratio = padded.reshape(-1)
    ratio[: x.size] = x
    absmax = np.abs(padded).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inverse = 1 / absmax
        padded *= inverse[:, None]
    if not np.isfinite(inverse).all():
        # Where a block is all zeros, 0 · ∞ is no number. Any code would do, for its absmax is 0;
        # like bitsandbytes, take the lowest.
        np.clip(np.nan_to_num(ratio, copy=False, nan=-1), -1, 1, out=ratio)
    ratio += 1
    ratio *= np.float32(0.5 * BINS)
    ratio += np.float32(0.5)
    return np.take(code_of_bin, ratio[: x.size].astype(np.intp)), absmax


def dequantize_blocks(codes, absmax, values):
    """Undoes `quantize_blocks`, on the map `values`: value · absmax."""
    x, whole = np.take(values, codes), codes.size // BLOCK * BLOCK
    x[:whole].reshape(-1, BLOCK)[...] *= absmax[: whole // BLOCK, None]
    x[whole:] *= absmax[whole // BLOCK :]  # the last block's, where it is shorter
    return x


def keep(whole, name, dtype, shape):
    """Hold the part of that name as a view that cannot be written to; it must be as described."""
    part, dtype = getattr(whole, name), np.dtype(dtype)
    if part.dtype != dtype or part.shape != shape:
        expected, got = f"{dtype} {name} of shape {shape}", f"{part.dtype} {part.shape}"
        raise ValueError(f"{type(whole).__name__}: expected {expected}, got {got}")
    if isinstance(part, np.ndarray):
        view = part.view()  # the caller's own array stays as it is
        view.flags.writeable = False
        object.__setattr__(whole, name, view)
