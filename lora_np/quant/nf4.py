"""NF4, "4-bit NormalFloat": sixteen numbers placed at quantiles of the normal distribution.

    codes = nearest of the sixteen to x / absmax         absmax = max |x| over a block of x
    x     ≈ CODEBOOK[codes] · absmax                     (QLoRA: Dettmers et al. 2023, §3)

(arXiv 2305.14314.) The arithmetic is float32, and every bit agrees with bitsandbytes on a CPU.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import DTypeLike

from .double_quant import DoubleQuantized, double_quantize, keep
from .format import Format, flat_floats, largest

OFFSET = float(np.float32(0.9677083))  # the outermost probability, as published: ½(29/30 + 31/32)
TINY = np.float32(1e-38)  # stands in for the absmax of a block of zeros, so nothing divides by 0
CHUNK = 1 << 17  # elements worked on at once, so that they stay in the processor's cache


def normal_quantiles(count):
    """Φ⁻¹ at `count` equal steps of probability from OFFSET down to, and without, one half."""
    probabilities = np.linspace(OFFSET, 0.5, count + 1).astype(np.float32)
    return [NormalDist().inv_cdf(float(p)) for p in probabilities[:-1]]


def make_codebook():
    """The sixteen values: 7 negative, 0 and 8 positive, the largest scaled to 1.

    An exact zero leaves fifteen codes for two tails, so each takes quantiles of its own (QLoRA, §3,
    and its authors' code; eq. 4 there has no zero and gives other numbers).
    """
    values = [-q for q in normal_quantiles(7)] + [0.0] + normal_quantiles(8)
    values = np.sort(np.array(values, np.float32))
    return values / values.max()


CODEBOOK = make_codebook()  # (16,) float32, ascending
MIDPOINTS = (CODEBOOK[:-1] + CODEBOOK[1:]) / 2  # (15,) float32: where the nearest code changes
# bitsandbytes' other code, read only: a sign bit, then three bits for these twelfths
TWELFTHS = np.array([0, 1 / 16, 8, 12, 4, 6, 2, 3], np.float32) / 12
CODES = {"nf4": CODEBOOK, "fp4": np.concatenate([TWELFTHS, -TWELFTHS])}


def pairs_of(values):
    """Both numbers of each byte, two codes, as one of 8 bytes: it halves look-ups. (256,)."""
    return np.stack([np.repeat(values, 16), np.tile(values, 16)], axis=1).view(np.float64).ravel()


PAIRS = {kind: pairs_of(values) for kind, values in CODES.items()}


@dataclass(frozen=True, eq=False, repr=False)
class NF4Tensor:
    """An array in 4 bits: what `quantize_nf4` returns. It never changes, so copies share it.

    `codes` are packed bytes (⌈n/2⌉,) uint8, in the array's row-major order; `scales` is one
    absmax a block (⌈n/block_size⌉,) float32, or those in 8 bits (`DoubleQuantized`). `kind` says
    what a code stands for: "fp4" is there to be read from files.
    """

    codes: np.ndarray
    scales: np.ndarray | DoubleQuantized
    shape: tuple[int, ...]
    block_size: int = 64
    kind: str = "nf4"

    def __post_init__(self):
        check_block_size(self.block_size)
        if self.kind not in CODES:
            raise ValueError(f"NF4Tensor: expected kind {' or '.join(CODES)}, got {self.kind!r}")
        object.__setattr__(self, "shape", tuple(int(side) for side in self.shape))
        keep(self, "codes", np.uint8, ((self.size + 1) // 2,))
        keep(self, "scales", np.float32, (-(-self.size // self.block_size),))

    size = property(lambda self: math.prod(self.shape))
    double_quant = property(lambda self: isinstance(self.scales, DoubleQuantized))

    @property
    def absmax(self):
        """One scale a block (blocks,) float32, reconstructed from 8 bits where it is in 8 bits."""
        return self.scales.dequantize() if self.double_quant else self.scales

    @property
    def nbytes(self):
        """Bytes held: ⌈n/2⌉ + 4·blocks, or ⌈n/2⌉ + blocks + 4·⌈blocks/256⌉ + 4."""
        return self.codes.nbytes + self.scales.nbytes

    def unpack(self):
        """The codes 0 … 15, one a byte, in the array's shape."""
        return unpack(self.codes, self.size).reshape(self.shape)

    def dequantize(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """CODEBOOK[codes] · absmax in float32, then as `dtype`: the numbers this stands for."""
        values, table = np.empty(2 * self.codes.size, np.float32), PAIRS[self.kind]
        absmax, width = self.absmax, self.block_size
        for start, stop in chunks(self.size, width):
            pairs = values[start : stop + stop % 2].view(np.float64)
            packed = self.codes[start // 2 : (stop + 1) // 2]
            np.take(table, packed, mode="clip", out=pairs)  # "clip": no copy to check bounds
            whole = stop - stop % width
            blocks = values[start:whole].reshape(-1, width)  # a view, written in place
            blocks *= absmax[start // width : whole // width, None]
            values[whole:stop] *= absmax[-1]
        return values[: self.size].reshape(self.shape).astype(dtype, copy=False)

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        kind = "double-quantized " if self.double_quant else ""
        kind = kind if self.kind == "nf4" else f"{self.kind}, {kind}"
        return f"NF4Tensor({self.shape}, {kind}blocks of {self.block_size}, {self.nbytes} bytes)"


def quantize_nf4(array: np.ndarray, block_size: int = 64, double_quant: bool = False) -> NF4Tensor:
    """The array in 4 bits: per block of its row-major order, the nearest codes of x / absmax.

    (Dettmers et al. 2023, §2, eq. 1, and §3.) A tie goes to the lower code, and the last block may
    be shorter. `double_quant` stores the scales in 8 bits.
    """
    return quantize_4bit(array, block_size, double_quant, "nf4", nearest_codes)


def quantize_4bit(array, block_size, double_quant, kind, nearest):
    """`quantize_nf4` for any of bitsandbytes' codes; `nearest(x / absmax, out)` writes them."""
    check_block_size(block_size)
    flat, shape = flat_floats(array, f"quantize_{kind}"), np.shape(array)
    absmax = block_absmax(flat, block_size)
    codes = np.empty(flat.size + flat.size % 2, np.uint8)
    nearest(np.zeros(1, np.float32), out=codes[-1:])  # zero's code ends an odd count
    for start, stop in chunks(flat.size, block_size):
        whole = stop - stop % block_size  # only the last chunk can end in a part of a block
        scale = np.maximum(absmax[start // block_size : whole // block_size, None], TINY)
        scaled = flat[start:whole].reshape(-1, block_size) * (1 / scale)
        nearest(scaled.ravel(), out=codes[start:whole])
        if whole < stop:  # bitsandbytes divides here, and multiplies by 1/absmax above
            nearest(flat[whole:] / absmax[-1], out=codes[whole:stop])
    scales = double_quantize(absmax) if double_quant else absmax
    return NF4Tensor(pack(codes), scales, shape, int(block_size), kind)


def block_absmax(flat, block_size):
    """max |x| of each block: (n,) -> (⌈n/block_size⌉,) float32; a ragged block's is never 0."""
    absmax = np.empty(-(-flat.size // block_size), np.float32)
    for start, stop in chunks(flat.size, block_size):
        whole = stop - stop % block_size
        blocks = np.abs(flat[start:whole]).reshape(-1, block_size)
        absmax[start // block_size : whole // block_size] = blocks.max(axis=1)
        if whole < stop:
            absmax[-1] = np.maximum(np.abs(flat[whole:]).max(), TINY)
    return absmax


def nearest_codes(scaled, out):
    """out = how many midpoints lie below: the nearest code, and the lower one in a tie."""
    out[...] = 0
    for midpoint in MIDPOINTS:
        out += scaled > midpoint


def pack(codes):
    """Two codes a byte, the even element's in the high half: (n,) -> (⌈n/2⌉,) uint8."""
    packed = np.full((codes.size + 1) // 2, 7, np.uint8)  # 7, zero's code, ends an odd count
    packed[: codes.size // 2] = codes[1::2]
    packed |= codes[0::2] << np.uint8(4)
    return packed


def unpack(packed, size):
    """Undoes `pack`: (⌈n/2⌉,) -> (n,) uint8 codes."""
    codes = np.empty((packed.size, 2), np.uint8)
    codes[:, 0], codes[:, 1] = packed >> np.uint8(4), packed & np.uint8(15)
    return codes.ravel()[:size]


def chunks(size, block_size):
    """Yield (start, stop) of pieces near CHUNK long, each starting at a whole block and byte."""
    step = max(CHUNK // (2 * block_size), 1) * 2 * block_size
    for start in range(0, size, step):
        yield start, min(start + step, size)


def check_block_size(block_size, name="block size"):
    whole = isinstance(block_size, int | np.integer) and not isinstance(block_size, bool)
    if not whole or block_size < 1:
        raise ValueError(f"expected a {name} that is a whole number from 1, got {block_size!r}")


@dataclass(frozen=True)
class NF4(Format):
    """NF4 as a Format: `quantize` is `quantize_nf4`, and its pieces are there for GPTQ and HQQ."""

    group: int = 64
    double_quant: bool = False

    kind = "nf4"
    table = CODEBOOK
    nearest = staticmethod(nearest_codes)
    codes_bytes = property(lambda self: self.group / 2)
    scale_bytes = property(lambda self: 1 + 4 / 256 if self.double_quant else 4)

    def __post_init__(self):
        check_block_size(self.group, "group or block size")

    def nbytes(self, size):
        size = int(size)  # of NumPy's, one of 32 bits would overflow
        blocks = -(-size // self.group)
        scales = blocks + 4 * -(-blocks // 256) + 4 if self.double_quant else 4 * blocks
        return -(-size // 2) + scales

    def quantize(self, array):
        return quantize_4bit(array, self.group, self.double_quant, self.kind, self.nearest)

    def fit(self, blocks):
        return (largest(blocks),)

    def store(self, scale):
        scale = scale.ravel()
        return {"scales": double_quantize(scale) if self.double_quant else scale}

    def scales(self, stored):
        scales = stored["scales"]
        return ((scales.dequantize() if self.double_quant else scales).reshape(-1, 1, 1),)

    def encode(self, x, scale):
        codes = np.empty(x.shape, np.uint8)
        self.nearest(x * (1 / np.maximum(scale, TINY)), out=codes)
        return codes

    def tensor(self, codes, stored, shape):
        codes = codes.ravel()[: math.prod(shape)]
        return NF4Tensor(pack(codes), stored["scales"], shape, self.group, self.kind)
