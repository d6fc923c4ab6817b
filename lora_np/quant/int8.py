"""Embeddings in 8 bits: a table of rows, and the two layers that read it.

    x ≈ code · scale, code from −127 to 127, scale = max |x| / 127 over 32 numbers of a row

That is GGUF's Q8_0: 8.5 bits a number. A table that comes from such a file is kept exactly.
"""

import numpy as np

from ..nn.embedding import Embedding, Head, TableLike, check_ids
from ..nn.linear import rows

BLOCK = 32  # numbers that share a scale
CHUNK = 2048  # rows dequantized at once


class Int8Table:
    """A table in 8 bits that never changes: codes (n, d) int8, scales (n, d/32) float16."""

    def __init__(self, codes, scales):
        self.codes, self.scales, self.shape = codes, scales, codes.shape

    nbytes = property(lambda self: self.codes.nbytes + self.scales.nbytes)

    def read(self, at, dtype):
        """Rows `at` (an index array or a slice) in `dtype`: code · scale."""
        codes, scales = self.codes[at], self.scales[at].astype(dtype)
        values = codes.reshape(*scales.shape, BLOCK).astype(dtype)
        values *= scales[..., None]
        return values.reshape(codes.shape)

    def chunks(self, dtype):
        """Yield (slice, those rows), few enough at once to stay in a processor's cache."""
        for start in range(0, len(self.codes), CHUNK):
            at = slice(start, start + CHUNK)
            yield at, self.read(at, dtype)

    def __deepcopy__(self, memo):
        return self


def quantize_table(table):
    """The table (n, d) in 8 bits: the nearest code · scale to each number.

    Some rows at a time, so a `table` that reads its rows from a file is never there whole.
    """
    n, d = table.shape
    if d % BLOCK:
        raise ValueError(f"embeddings in 8 bits: blocks of {BLOCK} do not divide a width of {d}")
    codes, scales = np.empty((n, d), np.int8), np.empty((n, d // BLOCK), np.float16)
    for start in range(0, n, CHUNK):
        at = slice(start, min(start + CHUNK, n))
        blocks = np.asarray(table[at], np.float32).reshape(-1, d // BLOCK, BLOCK)
        scale = np.abs(blocks).max(axis=-1) / np.float32(127)  # (rows, d/32)
        if not (scale < np.finfo(np.float16).max).all():
            raise ValueError("embeddings in 8 bits: expected finite numbers, below 8 million")
        divide_by = np.where(scale > 0, scale, 1)[..., None]
        codes[at] = np.rint(blocks / divide_by).reshape(-1, d)
        scales[at] = scale
    return Int8Table(codes, scales)


class Int8TableLike(TableLike):
    """The table's shape and dense form, in `dtype`."""

    dtype = np.dtype(np.float32)
    shape = property(lambda self: self.table.shape)

    def effective_weight(self):
        return self.table.read(slice(None), self.dtype)


class Int8Embedding(Int8TableLike):
    """y = W[ids], with W in 8 bits and frozen. Shapes: ids (...), y (..., d) in `dtype`."""

    Dense = Embedding

    def __init__(self, table, dtype=np.float32):
        self.table, self.dtype = table, np.dtype(dtype)

    def set_dtype(self, dtype):
        self.dtype = dtype

    def forward(self, ids, *, rng=None):
        check_ids(ids, self.table.shape[0])
        return self.table.read(ids, self.dtype), None

    def backward(self, dy, cache):
        """Nothing learns here, and whole numbers have no dx."""


class Int8Head(Int8TableLike):
    """logits = x Wᵀ, as Head, with W in 8 bits and frozen, some rows dequantized at a time."""

    Dense = Head

    def __init__(self, table):
        self.table = table

    def forward(self, x, *, rng=None):
        flat = rows(x)
        logits = np.empty((len(flat), self.n_classes), x.dtype)
        for at, W in self.table.chunks(x.dtype):
            np.matmul(flat, W.T, out=logits[:, at])
        return logits.reshape(*x.shape[:-1], self.n_classes), None

    def backward(self, dlogits, cache, *, below_trains=True):
        if below_trains:
            flat = rows(dlogits)
            dx = np.zeros((len(flat), self.table.shape[1]), dlogits.dtype)
            for at, W in self.table.chunks(dlogits.dtype):
                dx += flat[:, at] @ W  # undoes x Wᵀ: dx = dlogits W
            return dx.reshape(*dlogits.shape[:-1], -1)
