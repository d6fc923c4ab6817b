"""The two ends that know the vocabulary: Embedding reads a table, Head multiplies by it."""

import numpy as np

from .linear import rows
from .module import Module, Parameter


class Head(Module):
    """logits = x Wᵀ, one row of W a class, so that it can share an embedding's W.

    It is no Linear, so LoRA's targets never match it.
    Shapes: x (..., d), W (K, d), logits (..., K).
    """

    def __init__(self, weight):
        self.weight = Parameter.of(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Head: expected a weight (K, d), got {self.weight.shape}")

    n_classes = property(lambda self: self.weight.shape[0])

    def effective_weight(self):
        return self.weight.data

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


class Embedding(Module):
    """y = W[ids]. Shapes: ids (...) whole numbers, W (n, d), y (..., d)."""

    def __init__(self, weight):
        self.weight = Parameter.of(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Embedding: expected a weight (n, d), got {self.weight.shape}")

    def forward(self, ids, *, rng=None):
        check_ids(ids, self.weight.shape[0])
        return self.weight.data[ids], ids

    def backward(self, dy, cache):
        """Undoes y = W[ids]: every use of a row adds its dy. Whole numbers have no dx."""
        ids = cache.reshape(-1)
        if self.weight.trainable and ids.size:
            order = np.argsort(ids, kind="stable")  # equal ids side by side, summed in one go
            used, starts = np.unique(ids[order], return_index=True)
            dW = np.zeros_like(self.weight.data)
            dW[used] = np.add.reduceat(rows(dy)[order], starts, axis=0)
            self.weight.accumulate(dW)


def check_ids(ids, n):
    """Raise ValueError unless `ids` is an array of whole numbers from 0 to n − 1."""
    if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu":
        got = f"{ids.dtype} {ids.shape}" if isinstance(ids, np.ndarray) else type(ids).__name__
        raise ValueError(f"Embedding: expected an integer array, got {got}")
    if ids.size and not 0 <= ids.min() <= ids.max() < n:
        got = f"{ids.min()} to {ids.max()}"
        raise ValueError(f"Embedding: expected ids from 0 to {n - 1}, got {got}")
