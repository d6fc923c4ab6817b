"""LoRA: freeze W, learn a low-rank ΔW beside it (Hu et al. 2021, arXiv 2106.09685, §4.1)."""

import math
from collections.abc import Callable

import numpy as np

from ...nn.functional import check_dropout, dropout_backward, dropout_forward
from ...nn.linear import LinearLike, rows
from ...nn.module import Parameter, Wrapper
from ...system.checks import check_real, check_whole
from .lora_init import zero_b


class LoRALinear(Wrapper, LinearLike):
    """y = base(x) + s · (xA)B, and `base` is frozen (Hu et al. 2021, §4.1, eq. 3, transposed).

    s is α/r, or α/√r for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732). With `bias` the adapter
    has one as well, zero at first: y = base(x) + s · ((xA)B + c), c (out,), the `B_bias`.
    Shapes: x (..., in), A (in, r), B (r, out), y (..., out).
    """

    def __init__(
        self, base: LinearLike, rank: int, alpha: float, rng: np.random.Generator, *,
        dropout: float = 0.0, rslora: bool = False, init: Callable = zero_b, bias: bool = False,
    ):  # fmt: skip
        check_settings(rank, alpha, dropout)
        shape = (base.in_features, base.out_features)
        if rank > (largest := min(shape)):
            expected = f"a rank from 1 to min(in, out) = {largest} for a weight {shape}"
            raise ValueError(f"LoRA: expected {expected}, got {rank}")
        self.scale, self.dropout = scale_of(rank, alpha, rslora), dropout
        self.base, A, B = init(base, rank, self.scale, rng)
        self.base.freeze()
        self.A, self.B = Parameter(A), Parameter(B)
        self.B_bias = Parameter(np.zeros(shape[1], base.dtype)) if bias else None

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        xd, mask, u = self._down(x, rng)
        y += ((self.scale * u) @ self.B.data).reshape(y.shape)  # ΔW itself is never formed
        if self.B_bias is not None:
            y += self.scale * self.B_bias.data
        return y, (base_cache, xd, mask, u)

    def _down(self, x, rng):
        """What of x backward reads, dropout's mask, and u = x̃A  (N, r)"""
        xd, mask = dropout_forward(x, self.dropout, rng)  # the adapter's branch only
        return xd if self.A.trainable else None, mask, rows(xd) @ self.A.data

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, xd, mask, u = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        dy = rows(dy)
        if self.B_bias is not None and self.B_bias.trainable:
            self.B_bias.accumulate(self.scale * dy.sum(axis=0))  # undoes + s·c
        du = self.scale * (dy @ self.B.data.T)  # undoes s·uB: du = s·dy Bᵀ  (N, r)
        if self.B.trainable:
            self.B.accumulate((self.scale * u).T @ dy)  # undoes s·uB: dB = s·uᵀ dy
        if self.A.trainable:
            self.A.accumulate(rows(xd).T @ du)  # undoes xA: dA = xᵀ du
        if not below_trains:
            return None
        dxd = (du @ self.A.data.T).reshape(dx.shape)  # undoes xA: du Aᵀ
        dx += dropout_backward(dxd, mask)  # x was used twice, so its gradients add
        return dx

    def recall(self, x, *, rng=None):
        return self.base.recall(x), *self._down(x, rng)

    def effective_weight(self) -> np.ndarray:
        """W' = W + s·A·B  (in, out)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)

    def effective_bias(self) -> np.ndarray | None:
        """b' = b + s·c  (out,)"""
        b, c = self.base.effective_bias(), self.B_bias
        return b if c is None else self.scale * c.data + (0 if b is None else b)


def scale_of(rank, alpha, rslora):
    return float(alpha / math.sqrt(rank) if rslora else alpha / rank)


def check_settings(rank, alpha, dropout):
    check_whole("LoRA: expected a rank", rank)
    check_real("LoRA: expected alpha", alpha, "")
    check_dropout("LoRA: expected a dropout", dropout)
