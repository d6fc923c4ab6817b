"""LoRA on a model: which layers get A and B, and of which rank. `lora_linear.py` has the maths."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from ...nn.embedding import TableLike
from ...nn.module import Module
from ..targets import (
    begin,
    embedding_and_head,
    ends_in,
    matching_linears,
    of_layer,
    shares_table,
    tables_of,
    wrap_each,
)
from .lora_init import zero_b
from .lora_linear import LoRALinear, check_settings, scale_of
from .lora_tables import lora_table


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
                check_settings(rank, alpha, self.dropout)

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
