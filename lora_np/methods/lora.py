"""LoRA: freeze W, learn a low-rank ΔW beside it (Hu et al. 2021, arXiv 2106.09685, §4.1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from ..nn.functional import dropout_backward, dropout_forward
from ..nn.layers import LinearLike, rows
from ..nn.module import Parameter
from .common import begin, wrap
from .inits import zero_b


class LoRALinear(LinearLike):
    """y = base(x) + s · (xA)B, and `base` is frozen (Hu et al. 2021, §4.1, eq. 3, transposed).

    s is α/r, or α/√r for rsLoRA (Kalajdzievski 2023, arXiv 2312.03732).
    Shapes: x (..., in), A (in, r), B (r, out), y (..., out).
    Raises: ValueError for a rank outside 1 … min(in, out), an α that is not finite, a dropout
    outside [0, 1).
    """

    def __init__(self, base, rank, alpha, rng, *, dropout=0.0, rslora=False, init=zero_b):
        _check_settings(rank, alpha, dropout)
        largest = min(base.in_features, base.out_features)
        if rank > largest:
            raise ValueError(
                f"LoRA: expected a rank from 1 to min(in, out) = {largest} for a weight "
                f"({base.in_features}, {base.out_features}), got {rank}"
            )
        self.scale = alpha / math.sqrt(rank) if rslora else alpha / rank
        self.dropout = dropout
        self.base, A, B = init(base, rank, self.scale, rng)
        self.base.freeze()
        self.A, self.B = Parameter(A), Parameter(B)

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        xd, mask = dropout_forward(x, self.dropout, rng)  # the adapter's branch only
        u = rows(xd) @ self.A.data  # (N, r)
        y += ((self.scale * u) @ self.B.data).reshape(y.shape)  # ΔW itself is never formed
        return y, (base_cache, xd if self.A.trainable else None, mask, u)

    def backward(self, dy, cache):
        base_cache, xd, mask, u = cache
        dx = self.base.backward(dy, base_cache)  # undoes base(x)
        dy = rows(dy)
        du = self.scale * (dy @ self.B.data.T)  # undoes s·uB: du = s·dy Bᵀ  (N, r)
        if self.B.trainable:
            self.B.accumulate((self.scale * u).T @ dy)  # undoes s·uB: dB = s·uᵀ dy
        if self.A.trainable:
            self.A.accumulate(rows(xd).T @ du)  # undoes xA: dA = xᵀ du
        dxd = (du @ self.A.data.T).reshape(dx.shape)  # undoes xA: du Aᵀ
        dx += dropout_backward(dxd, mask)  # x was used twice, so its gradients add
        return dx

    def effective_weight(self):
        """W' = W + s·A·B  (in, out)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)


@dataclass(frozen=True)
class LoRA:
    """LoRA on every linear layer whose dotted name ends in one of `targets`.

    `alpha` and `rank` give the scale α/r (`rslora`: α/√r); `targets` may be "all-linear".
    Raises: ValueError for settings out of range, or a target that matches nothing.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] | str = ("c_attn",)
    dropout: float = 0.0
    rslora: bool = False
    init: Callable = zero_b

    def __post_init__(self):
        _check_settings(self.rank, self.alpha, self.dropout)

    def apply(self, model, rng):
        """A view of `model` with LoRA beside its targets; `model` itself is untouched."""
        options = {"dropout": self.dropout, "rslora": self.rslora, "init": self.init}
        return wrap(
            begin(self, model),
            self.targets,
            lambda base: LoRALinear(base, self.rank, self.alpha, rng, **options),
        )


def lora_plus_groups(model, lr, ratio=16.0):
    """Parameter groups for LoRA+: B learns `ratio` times as fast as A (Hayou et al. 2024, §4)."""
    named = [(name, p) for name, p in model.named_parameters() if p.trainable]
    is_b = [name == "B" or name.endswith(".B") for name, _ in named]
    return [
        {"params": [p for (_, p), b in zip(named, is_b) if not b], "lr": lr},
        {"params": [p for (_, p), b in zip(named, is_b) if b], "lr": lr * ratio},
    ]


def _check_settings(rank, alpha, dropout):
    if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
        raise ValueError(f"LoRA: expected a rank that is a whole number from 1, got {rank!r}")
    if not math.isfinite(alpha):
        raise ValueError(f"LoRA: expected a finite alpha, got {alpha!r}")
    if not 0 <= dropout < 1:
        raise ValueError(f"LoRA: expected a dropout from 0 to below 1, got {dropout!r}")
