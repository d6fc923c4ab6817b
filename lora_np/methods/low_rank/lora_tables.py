"""LoRA on a table of rows: an embedding, whose rows are read, or a head, which multiplies by them.

    W' = W + s·AB,   A (n, r) zero at the start, B (r, d) random

A table lies (n, d), one row a token, so A has the side of the tokens in both. Where embedding and
head share W, they can share A and B too. PEFT writes the embedding's as lora_embedding_A = Aᵀ and
lora_embedding_B = Bᵀ, the head's as lora_A = B and lora_B = A.
"""

import math

import numpy as np

from ...nn.embedding import Embedding, Head, TableLike, check_ids, sum_rows
from ...nn.linear import rows
from ...nn.module import Parameter, Wrapper


class LoRATable(Wrapper, TableLike):
    """W' = W + s·AB, and `base` is frozen. Shapes: W (n, d), A (n, r), B (r, d)."""

    def __init__(self, base, A, B, scale):
        self.base, self.A, self.B, self.scale = base, A, B, scale
        self.base.freeze()

    def effective_weight(self):
        """W' = W + s·A·B  (n, d)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)


class LoRAEmbedding(LoRATable):
    """y = W[ids] + s · A[ids]·B. Shapes: ids (...), y (..., d)."""

    Dense = Embedding

    def forward(self, ids, *, rng=None):
        check_ids(ids, self.shape[0])
        y, base_cache = self.base.forward(ids)
        u = rows(self.A.data[ids])  # (N, r)
        y += ((self.scale * u) @ self.B.data).reshape(y.shape)
        return y, (base_cache, ids, u)

    def backward(self, dy, cache):
        base_cache, ids, u = cache
        self.base.backward(dy, base_cache)  # undoes W[ids]
        dy = rows(dy)
        if self.B.trainable:
            self.B.accumulate((self.scale * u).T @ dy)  # undoes s·uB: dB = s·uᵀ dy
        if self.A.trainable:
            du = self.scale * (dy @ self.B.data.T)  # undoes s·uB: du = s·dy Bᵀ
            self.A.accumulate(sum_rows(du, ids, len(self.A.data)))  # undoes A[ids]


class LoRAHead(LoRATable):
    """logits = x Wᵀ + s · (x Bᵀ)Aᵀ. Shapes: x (..., d), logits (..., n)."""

    Dense = Head

    def forward(self, x, *, rng=None):
        logits, base_cache = self.base.forward(x)
        u = rows(x) @ self.B.data.T  # (N, r)
        logits += ((self.scale * u) @ self.A.data.T).reshape(logits.shape)
        return logits, (base_cache, x if self.B.trainable else None, u)

    def backward(self, dlogits, cache, *, below_trains=True):
        base_cache, x, u = cache
        dx = self.base.backward(dlogits, base_cache, below_trains=below_trains)  # undoes x Wᵀ
        dlogits = rows(dlogits)
        du = self.scale * (dlogits @ self.A.data)  # undoes s·uAᵀ: du = s·dlogits A
        if self.A.trainable:
            self.A.accumulate(dlogits.T @ (self.scale * u))  # undoes s·uAᵀ: dA = s·dlogitsᵀ u
        if self.B.trainable:
            self.B.accumulate(du.T @ rows(x))  # undoes xBᵀ: dB = duᵀ x
        if below_trains:
            dx += (du @ self.B.data).reshape(dx.shape)  # undoes xBᵀ; x was used twice
        return dx


def lora_table(base, rank, scale, rng):
    """LoRA on an embedding or a head: A zero, and B as PEFT draws it."""
    n, d = base.shape
    if rank > min(n, d):
        expected = f"a rank from 1 to min(n, d) = {min(n, d)} for a table {n, d}"
        raise ValueError(f"LoRA: expected {expected}, got {rank}")
    if base.Dense is Head:
        kind, bound = LoRAHead, 1 / math.sqrt(d)
        B = rng.uniform(-bound, bound, (rank, d))
    else:
        kind, B = LoRAEmbedding, rng.standard_normal((rank, d))
    dtype = base.dtype
    return kind(base, Parameter(np.zeros((n, rank), dtype)), Parameter(B.astype(dtype)), scale)
