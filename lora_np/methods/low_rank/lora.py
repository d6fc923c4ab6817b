"""LoRA: freeze W, learn a low-rank ΔW beside it (Hu et al. 2021, arXiv 2106.09685, §4.1)."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...nn.embedding import TableLike
from ...nn.functional import check_dropout, dropout_backward, dropout_forward
from ...nn.linear import LinearLike, rows
from ...nn.module import Module, Parameter, Wrapper
from ...system.checks import check_real, check_whole
from ..targets import (
    begin,
    embedding_and_head,
    ends_in,
    layers_of,
    matching_linears,
    of_layer,
    shares_table,
    tables_of,
    wrap_each,
)
from .lora_init import zero_b
from .lora_tables import LoRATable, lora_table


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
        _check_settings(rank, alpha, dropout)
        shape = (base.in_features, base.out_features)
        if rank > (largest := min(shape)):
            expected = f"a rank from 1 to min(in, out) = {largest} for a weight {shape}"
            raise ValueError(f"LoRA: expected {expected}, got {rank}")
        self.scale = scale_of(rank, alpha, rslora)
        self.dropout = dropout
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

    def effective_weight(self) -> np.ndarray:
        """W' = W + s·A·B  (in, out)"""
        return self.base.effective_weight() + self.scale * (self.A.data @ self.B.data)

    def effective_bias(self) -> np.ndarray | None:
        """b' = b + s·c  (out,)"""
        bias = self.base.effective_bias()
        if self.B_bias is None:
            return bias
        return self.scale * self.B_bias.data + (0 if bias is None else bias)


@dataclass(frozen=True)
class LoRA:
    """LoRA on every linear layer whose dotted name ends in one of `targets`, or "all-linear".

    An embedding or the head, by its name, is adapted as well; `tied` makes their factors one where
    they share their table. `rank_pattern` and `alpha_pattern` {end of a name: value} are for layers
    that have others, the first that fits; `bias` gives each linear layer's adapter one.
    """

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] | str = ("c_attn",)
    dropout: float = 0.0
    rslora: bool = False
    init: Callable = zero_b
    rank_pattern: dict[str, int] | None = None
    alpha_pattern: dict[str, float] | None = None
    bias: bool = False
    tied: bool = False

    name, rate = "lora", 1e-2
    layer = LoRALinear

    def __post_init__(self):
        for rank in (self.rank, *(self.rank_pattern or {}).values()):
            for alpha in (self.alpha, *(self.alpha_pattern or {}).values()):
                _check_settings(rank, alpha, self.dropout)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        view = begin(self, model)
        layers = matching_linears(view, self.targets, tables_of(view))
        for pattern in (self.rank_pattern or {}, self.alpha_pattern or {}):
            if odd := [end for end in pattern if not any(ends_in(name, end) for name in layers)]:
                raise ValueError(f"LoRA: a pattern's {odd[0]!r} is the end of no target's name")
        if self.tied:
            ends = embedding_and_head(view)
            if not (layers.keys() & ends.keys() and shares_table(view)):
                raise ValueError("LoRA: tied is for an embedding and head that share their table")
            layers = ends | layers
        view = wrap_each(view, layers, partial(self._around, rng))
        if self.tied:
            head, table = view.unwrapped().lm_head, view.unwrapped().wte
            head.A, head.B = table.A, table.B
        return view

    def _around(self, rng, name, layer):
        rank = of_layer(self.rank_pattern, name, self.rank)
        alpha = of_layer(self.alpha_pattern, name, self.alpha)
        if not isinstance(layer, TableLike):
            options = {key: getattr(self, key) for key in ("dropout", "rslora", "init", "bias")}
            return self.layer(layer, rank, alpha, rng, **options)
        if self.layer is not LoRALinear or self.bias:
            what = "LoRA with a bias" if self.bias else type(self).__name__
            raise ValueError(
                f"{what}: {name} is a table of rows, for which there is plain LoRA only"
            )
        return lora_table(layer, rank, scale_of(rank, alpha, self.rslora), rng)


def scale_of(rank, alpha, rslora):
    return float(alpha / math.sqrt(rank) if rslora else alpha / rank)


def lora_plus_groups(model: Module, lr: float, ratio: float = 16.0) -> list[dict]:
    """Parameter groups for LoRA+: B learns `ratio` times as fast as A (Hayou et al. 2024, §4)."""
    check_real("lora_plus_groups: expected lr", lr, "from 0")
    check_real("lora_plus_groups: expected a ratio", ratio)
    tables = {id(table.B) for _, table in layers_of(model, LoRATable)}  # which start at random
    named = [(name, p) for name, p in model.named_parameters() if p.trainable]
    fast = [name.split(".")[-1] == "B" and id(p) not in tables for name, p in named]
    others = [p for (_, p), is_B in zip(named, fast) if not is_B]
    Bs = [p for (_, p), is_B in zip(named, fast) if is_B]
    return [{"params": others, "lr": lr}, {"params": Bs, "lr": lr * ratio}]


def _check_settings(rank, alpha, dropout):
    check_whole("LoRA: expected a rank", rank)
    check_real("LoRA: expected alpha", alpha, "")
    check_dropout("LoRA: expected a dropout", dropout)
