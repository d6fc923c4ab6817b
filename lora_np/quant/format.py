"""What every format of few bits shares: blocks, packing, and the tensor that holds them.

    x ≈ decode(values[code], scale, …)         one scale, and for some an offset, for a group of x

A format is its `fit`, which reads a group's scale off its numbers, `store`, which rounds that scale
to what the format keeps, `encode`, which rounds x to codes, and `decode`. So whatever chooses codes
or scales in another way (GPTQ, AWQ, HQQ) does it for every format.
Shapes: blocks (n, groups, group); what `fit` and `scales` return (n, groups, 1) float32 each.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..system.checks import check_whole
from .double_quant import keep

TINY = np.float32(2.0**-126)  # the least float32 whose reciprocal is finite
CHUNK = 1 << 17  # numbers dequantized at once, so that they stay in the processor's cache


class Format:
    """A way to write floats in few bits: `quantize` makes a QuantizedTensor of an array.

    Blocks run along the array's row-major order. The last is filled up with the last number, which
    moves no maximum and no minimum. Most formats differ in these four alone: `table`, what each of
    sixteen codes stands for; `group`, how many numbers share a scale; `groups` in a block; `half`:
    code i of every 2·half is in a byte's low four bits, code half + i in its high four.
    """

    group: int
    groups = 1
    half = 1
    table: np.ndarray
    scale_bytes: float  # a block's

    block_size = property(lambda self: self.groups * self.group)
    codes_bytes = property(lambda self: self.block_size // 2)  # a block's
    bits = property(lambda self: 8 * (self.codes_bytes + self.scale_bytes) / self.block_size)

    def nbytes(self, size):
        """The bytes of `size` numbers, by formula."""
        return math.ceil(-(-int(size) // self.block_size) * (self.codes_bytes + self.scale_bytes))

    fit: Callable[..., tuple]
    store: Callable[..., dict]
    scales: Callable[[dict], tuple]
    encode: Callable[..., np.ndarray]

    def quantize(self, array: np.ndarray) -> Any:
        """The array in this format: each block's scales, and the codes nearest to x with them.

        Raises: ValueError unless it is float16, float32 or float64, finite, and within range.
        """
        flat, shape = flat_floats(array, type(self).__name__), np.shape(array)
        self = self.bound_to(flat)
        blocks = self.blocks(flat)
        how = self.fit(blocks)
        stored = self.kept(how)
        return self.tensor(self.encode(blocks, *how), stored, shape)

    def bound_to(self, flat):
        """This format with what it keeps once for a whole tensor; most keep nothing."""
        return self

    def blocks(self, flat):
        n = -(-flat.size // self.block_size)
        if missing := n * self.block_size - flat.size:
            flat = np.pad(flat, (0, missing), mode="edge")
        return flat.reshape(n, self.groups, self.group)

    def kept(self, how):
        """The scales as they are stored, {name: array}, of what `fit` returned."""
        with np.errstate(over="ignore", invalid="ignore"):
            stored = self.store(*how)
            fine = all(np.isfinite(part).all() for part in self.scales(stored))
        if not fine:
            name = type(self).__name__
            raise ValueError(f"{name}: expected numbers whose scales it can hold, got larger ones")
        return stored

    def rounded(self, how):
        """What `fit` returned, as it comes back from the store."""
        return self.scales(self.kept(how))

    def tensor(self, codes, stored, shape):
        """The QuantizedTensor of these codes (n, groups, group) and scales."""
        return QuantizedTensor(self, self.pack(codes), stored, shape)

    def pack(self, codes):
        """Two codes a byte: (n, groups, group) -> (n, block/2) uint8."""
        n, spans = len(codes), self.block_size // (2 * self.half)
        codes = codes.reshape(n, spans, 2, self.half)
        return (codes[:, :, 0] | codes[:, :, 1] << np.uint8(4)).reshape(n, self.block_size // 2)

    def unpack(self, packed):
        """Undoes `pack`."""
        spans = self.block_size // (2 * self.half)
        packed = packed.reshape(len(packed), spans, 1, self.half)
        codes = np.concatenate([packed & np.uint8(15), packed >> np.uint8(4)], axis=2)
        return codes.reshape(len(packed), self.groups, self.group)

    def values(self, codes):
        return self.table[codes]

    def unpacked_values(self, packed):
        """`values` of `unpack`, by one look-up a byte, which is a pair of codes."""
        pairs = np.stack([np.tile(self.table, 16), np.repeat(self.table, 16)], axis=1)
        found = np.take(pairs.view(np.float64).ravel(), packed, mode="clip").view(np.float32)
        spans = self.block_size // (2 * self.half)
        found = found.reshape(len(packed), spans, self.half, 2).swapaxes(2, 3)
        return found.reshape(len(packed), self.groups, self.group)

    def decode(self, values, scale):
        return values * scale

    def refit(self, target, values, scale):
        """What `fit` returns, from codes: the scale whose `values` come closest to `target`."""
        square = (values * values).sum(axis=-1, keepdims=True)
        product = (values * target).sum(axis=-1, keepdims=True)
        return (np.where(product > 0, product / np.where(square > 0, square, 1), scale),)


class Affine(Format):
    """x ≈ scale · code + offset."""

    table = np.arange(16, dtype=np.float32)

    def decode(self, values, scale, offset):
        return values * scale + offset

    def refit(self, target, values, scale, offset):
        return scale, (target - scale * values).mean(axis=-1, keepdims=True)


@dataclass(frozen=True, eq=False, repr=False)
class QuantizedTensor:
    """An array in a format: packed codes, and scales by name. It never changes: copies share it."""

    format: Any
    codes: np.ndarray
    stored: dict[str, np.ndarray]
    shape: tuple[int, ...]

    def __post_init__(self):
        object.__setattr__(self, "shape", tuple(int(side) for side in self.shape))
        n = -(-self.size // self.format.block_size)
        expected = (n, int(self.format.codes_bytes))
        if self.codes.shape != expected:
            name = type(self.format).__name__
            raise ValueError(f"{name}: expected codes {expected}, got {self.codes.shape}")
        keep(self, "codes", self.codes.dtype, expected)

    size = property(lambda self: math.prod(self.shape))

    @property
    def nbytes(self):
        """Bytes held: of the codes and of the scales, as counted in their arrays."""
        return self.codes.nbytes + sum(part.nbytes for part in self.stored.values())

    def unpack(self):
        """The codes, one a byte, in the array's shape."""
        return self.format.unpack(self.codes).ravel()[: self.size].reshape(self.shape)

    def dequantize(self, dtype: DTypeLike = np.float32) -> np.ndarray:
        """The numbers this stands for, in float32, then as `dtype`."""
        form, how = self.format, self.format.scales(self.stored)
        out = np.empty((len(self.codes), form.groups, form.group), np.float32)
        step = max(1, CHUNK // form.block_size)
        for start in range(0, len(out), step):
            at = slice(start, start + step)
            values = form.unpacked_values(self.codes[at])
            out[at] = form.decode(values, *(part[at] for part in how))
        return out.ravel()[: self.size].reshape(self.shape).astype(dtype, copy=False)

    def __deepcopy__(self, memo):
        return self

    def __repr__(self):
        return f"QuantizedTensor({self.format}, {self.shape}, {self.nbytes} bytes)"


@dataclass(frozen=True)
class Grouped(Format):
    """A format whose groups are as long as one likes. They hold a whole number of bytes."""

    group: int = 64

    def __post_init__(self):
        check_whole(f"{type(self).__name__}: expected a group", self.group, 2)
        if self.group % 2:
            raise ValueError(f"{type(self).__name__}: expected an even group, got {self.group}")


def flat_floats(array, name):
    """The array as contiguous float32 (n,). Raises: ValueError unless it holds finite floats."""
    array = np.asarray(array)
    if array.dtype not in (np.float16, np.float32, np.float64):
        got = array.dtype
        raise ValueError(f"{name}: expected a float16, float32 or float64 array, got {got}")
    with np.errstate(over="ignore"):  # a float64 too large becomes inf, and is refused
        flat = np.ascontiguousarray(array, np.float32).ravel()
    if not np.isfinite(flat).all():
        raise ValueError(f"{name}: expected numbers that are finite in float32")
    return flat


def largest(blocks):
    """max |x| of each group: (n, groups, group) -> (n, groups, 1)."""
    return np.abs(blocks).max(axis=-1, keepdims=True, initial=0)


def reciprocal(scale):
    """1/scale, and 0 where that would overflow: such a group's codes stand for 0."""
    big = np.abs(scale) >= TINY
    return np.where(big, 1 / np.where(big, scale, 1), np.float32(0))
