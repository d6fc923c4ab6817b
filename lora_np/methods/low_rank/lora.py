"""LoRA: freeze W, learn a low-rank ΔW beside it (Hu et al. 2021, arXiv 2106.09685, §4.1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial

import numpy as np

from ...nn.functional import check_dropout, dropout_backward, dropout_forward
from ...nn.linear import LinearLike, rows
from ...nn.module import Module, Parameter, Wrapper
from ...system.checks import check_real, check_whole
from ..targets import begin, wrap
from .lora_init import zero_b


class LoRALinear(Wrapper, LinearLike):
    """y = base(x) + s · (xA)B, and `base` is frozen (Hu et al. 2021, §4.1, eq. 3, transposed).

    s is α/r, or α/√r for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
    Shapes: x (..., in), A (in, r), B (r, out), y (..., out).
    """

    def __init__(
        self, base: LinearLike, rank: int, alpha: float, rng: np.random.Generator, *,
        dropout: float = 0.0, rslora: bool = False, init: Callable = zero_b,
    ):  # fmt: skip
        _check_settings(rank, alpha, dropout)
        shape = (base.in_features, base.out_features)
        if rank > (largest := min(shape)):
            expected = f"a rank from 1 to min(in, out) = {largest} for a weight {shape}"
            raise ValueError(f"LoRA: expected {expected}, got {rank}")
        self.scale = float(alpha / math.sqrt(rank) if rslora else alpha / rank)
        self.dropout = dropout
        self.base, A, B = init(base, rank, self.scale, rng)
        self.base.freeze()
        self.A, self.B = Parameter(A), Parameter(B)

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        xd, mask, u = self._down(x, rng)
        y += ((self.scale * u) @ self.B.data).reshape(y.shape)  # ΔW itself is never formed
        return y, (base_cache, xd, mask, u)

    def recall(self, x, *, rng=None):
        return self.base.recall(x), *self._down(x, rng)

    def _down(self, x, rng):
        """What of x backward reads, dropout's mask, and u = x̃A  (N, r)"""
        xd, mask = dropout_forward(x, self.dropout, rng)  # the adapter's branch only
        return xd if self.A.trainable else None, mask, rows(xd) @ self.A.data

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, xd, mask, u = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        dy = rows(dy)
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

    def effective_weight(self) -> np.ndarray:
        """W' = W + s·A·B  (in, out)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)


@dataclass(frozen=True)
class LoRA:
    """LoRA on every linear layer whose dotted name ends in one of `targets`, or "all-linear"."""

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] | str = ("c_attn",)
    dropout: float = 0.0
    rslora: bool = False
    init: Callable = zero_b

    name, rate = "lora", 1e-2
    layer = LoRALinear

    def __post_init__(self):
        _check_settings(self.rank, self.alpha, self.dropout)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        settings = {field.name: getattr(self, field.name) for field in fields(LoRA)}
        targets = settings.pop("targets")
        return wrap(begin(self, model), targets, partial(self.layer, rng=rng, **settings))


def lora_plus_groups(model: Module, lr: float, ratio: float = 16.0) -> list[dict]:
    """Parameter groups for LoRA+: B learns `ratio` times as fast as A (Hayou et al. 2024, §4)."""
    check_real("lora_plus_groups: expected lr", lr, "from 0")
    check_real("lora_plus_groups: expected a ratio", ratio)
    named = [(name, p) for name, p in model.named_parameters() if p.trainable]
    others = [p for name, p in named if name.split(".")[-1] != "B"]
    Bs = [p for name, p in named if name.split(".")[-1] == "B"]
    return [{"params": others, "lr": lr}, {"params": Bs, "lr": lr * ratio}]


def _check_settings(rank, alpha, dropout):
    check_whole("LoRA: expected a rank", rank)
    check_real("LoRA: expected alpha", alpha, "")
    check_dropout("LoRA: expected a dropout", dropout)
