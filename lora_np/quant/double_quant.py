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


def make_dynamic_map():
    """256 numbers from −0.993 to 1: seven decades, each with twice the points of the one below.

    Decade i holds 10^(i − 6) times the 2ⁱ cell centres of an even grid from 0.1 to 1; with both
    signs that is 254, and 0 and 1 make 256.
    """
    positive = [np.float32(10.0 ** (i - 6)) * cell_centres(2**i) for i in range(7)]
    positive = np.concatenate(positive)
    return np.sort(np.concatenate([-positive, np.float32([0, 1]), positive]))


def cell_centres(count):
    """The middles of `count` equal cells between 0.1 and 1.

    The edges are counted from the nearer end with the step in float32 and one rounding at the
    last, as torch.linspace does: the published map was made with it, and this gives its bits.
    """
    low, high = np.float32(0.1), np.float32(1)
    step = float((high - low) / np.float32(count))
    i = np.arange(count + 1, dtype=np.float64)
    edges = np.where(i < (count + 1) // 2, low + i * step, high - (count - i) * step)
    edges = edges.astype(np.float32)
    return (edges[:-1] + edges[1:]) / 2


DYNAMIC_MAP = make_dynamic_map()  # (256,) float32, ascending


@functools.cache
def code_of_bin():
    """The nearest map entry at each of the 65,536 points; a number takes its nearest point's code.

    Within half a bin of a midpoint that is not always the nearest entry, but it is bitsandbytes'.
    """
    midpoints = (DYNAMIC_MAP[:-1] + DYNAMIC_MAP[1:]) / 2
    return np.searchsorted(midpoints, np.linspace(-1, 1, BINS + 1)).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class DoubleQuantized:
    """Positive float32 scales in 8 bits: what `double_quantize` returns.

    Shapes: codes (n,) uint8, nested_absmax (⌈n/256⌉,) float32; offset is one float32.
    Raises: ValueError for parts of another dtype, or lengths that do not fit each other.
    """

    codes: np.ndarray
    nested_absmax: np.ndarray
    offset: np.float32

    def __post_init__(self):
        codes, nested = self.codes, self.nested_absmax
        if codes.dtype != np.uint8 or codes.ndim != 1:
            raise ValueError(
                f"DoubleQuantized: expected uint8 codes (n,), got {codes.dtype} {codes.shape}"
            )
        blocks = -(-codes.size // BLOCK)
        if nested.dtype != np.float32 or nested.shape != (blocks,):
            raise ValueError(
                f"DoubleQuantized: expected a float32 nested absmax ({blocks},) for {codes.size} "
                f"scales, got {nested.dtype} {nested.shape}"
            )
        object.__setattr__(self, "codes", read_only(codes))
        object.__setattr__(self, "nested_absmax", read_only(nested))
        object.__setattr__(self, "offset", np.float32(self.offset))

    shape = property(lambda self: self.codes.shape)
    dtype = property(lambda self: self.offset.dtype)  # of what it stands for

    @property
    def nbytes(self):
        """n + 4·⌈n/256⌉ + 4"""
        return self.codes.nbytes + self.nested_absmax.nbytes + self.offset.nbytes

    def dequantize(self):
        """DYNAMIC_MAP[code] · nested absmax + offset  (n,) float32"""
        nested = np.repeat(self.nested_absmax, BLOCK)[: self.codes.size]
        return DYNAMIC_MAP[self.codes] * nested + self.offset


def double_quantize(scales, offset=None):
    """The scales in 8 bits, around `offset`: their mean, where none is given.

    The mean is the exact one, rounded once; torch adds up in float32 in an order that depends on
    the processor, and may land one or a few units in the last place beside it.
    Shapes: scales (n,) float32.
    """
    if offset is None:
        offset = scales.mean(dtype=np.float64) if scales.size else 0
    offset = np.float32(offset)
    blocks = -(-scales.size // BLOCK)
    centred = np.zeros(blocks * BLOCK, np.float32)  # padded with zeros, which move no maximum
    centred[: scales.size] = scales - offset
    centred = centred.reshape(blocks, BLOCK)
    nested = np.abs(centred).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        ratio = centred * (1 / nested)[:, None]
    # Where all scales of a block are equal, 0 · ∞ is no number. Any code would do, for it is
    # multiplied by a nested absmax of 0; like bitsandbytes, take the lowest.
    ratio = np.clip(np.nan_to_num(ratio, nan=-1), -1, 1)
    bins = (ratio + 1) * np.float32(0.5) * np.float32(BINS) + np.float32(0.5)
    codes = code_of_bin()[bins.astype(np.int32)].ravel()[: scales.size]
    return DoubleQuantized(codes, nested, offset)


def read_only(array):
    """A view that cannot be written to; the caller's own array stays as it is."""
    array = array.view()
    array.flags.writeable = False
    return array
