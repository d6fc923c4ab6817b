"""The two ends that know the vocabulary: Embedding reads a table, Head multiplies by it."""

import numpy as np

from .linear import rows
from .module import Module, Parameter


class TableLike(Module):
    """Whatever stands where an Embedding or a Head stood: a table of rows, one a token or class.

    It acts as the dense (n, d) matrix `effective_weight()`; a wrapper's is its base's unless it
    says otherwise. `Dense` is the kind that it becomes when it is merged.
    """

    shape = property(lambda self: self.base.shape)
    dtype = property(lambda self: self.base.dtype)
    n_classes = property(lambda self: self.shape[0])

    def effective_weight(self) -> np.ndarray:
        return self.base.effective_weight()

    def merge(self):
        """A new dense table that computes the same; nothing in it is shared with this one."""
        return self.Dense(self.effective_weight().copy())


class Table(TableLike):
    """A dense table, which two ends can share. Shapes: W (n, d)."""

    def __init__(self, weight):
        self.weight = Parameter.of(weight)
        if len(self.weight.shape) != 2:
            name = type(self).__name__
            raise ValueError(f"{name}: expected a weight (n, d), got {self.weight.shape}")

    Dense = property(lambda self: type(self))
    shape = property(lambda self: self.weight.shape)
    dtype = property(lambda self: self.weight.dtype)

    def effective_weight(self):
        return self.weight.data


class Head(Table):
    """logits = x Wᵀ, one row of W a class, so that it can share an embedding's W.

    It is no Linear: "all-linear" leaves it out, and who means it names it.
    Shapes: x (..., d), W (K, d), logits (..., K).
    """

    def forward(self, x, *, rng=None):
        logits = (rows(x) @ self.weight.data.T).reshape(*x.shape[:-1], self.n_classes)
        return logits, x if self.weight.trainable else None

    def backward(self, dlogits, cache, *, below_trains=True):
        if self.weight.trainable:
            x = cache
            self.weight.accumulate(rows(dlogits).T @ rows(x))  # undoes x Wᵀ: dW = dlogitsᵀ x
        if below_trains:
            dx = rows(dlogits) @ self.weight.data  # undoes x Wᵀ: dx = dlogits W
            return dx.reshape(*dlogits.shape[:-1], -1)


class Embedding(Table):
    """y = W[ids]. Shapes: ids (...) whole numbers, W (n, d), y (..., d)."""

    def forward(self, ids, *, rng=None):
        check_ids(ids, self.weight.shape[0])
        return self.weight.data[ids], ids

    def backward(self, dy, cache):
        """Undoes y = W[ids]. Whole numbers have no dx."""
        if self.weight.trainable and cache.size:
            self.weight.accumulate(sum_rows(dy, cache, len(self.weight.data)))


def sum_rows(dy, ids, n):
    """dW (n, d) of W[ids]: every use of a row adds its dy."""
    ids, dW = ids.reshape(-1), np.zeros((n, dy.shape[-1]), dy.dtype)
    order = np.argsort(ids, kind="stable")  # equal ids side by side, summed in one go
    used, starts = np.unique(ids[order], return_index=True)
    if used.size:
        dW[used] = np.add.reduceat(rows(dy)[order], starts, axis=0)
    return dW


def check_ids(ids, n):
    """Raise ValueError unless `ids` is an array of whole numbers from 0 to n − 1."""
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu":
        got = f"{ids.dtype} {ids.shape}" if isinstance(ids, np.ndarray) else type(ids).__name__
        raise ValueError(f"Embedding: expected an integer array, got {got}")
    if ids.size and not 0 <= ids.min() <= ids.max() < n:
        got = f"{ids.min()} to {ids.max()}"
        raise ValueError(f"Embedding: expected ids from 0 to {n - 1}, got {got}")
