"""LayerNorm tuning: the norms' scales and shifts learn (Zhao et al. 2023, arXiv 2312.11420, §2).

y = x̂·g + b        g, and b where there is one, learn in each norm: no weight changes
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Module
from ...nn.norm import LayerNorm, RMSNorm
from ..targets import begin


@dataclass(frozen=True)
class LNTuning:
    """Train the norms whose dotted names end in one of `targets`, or all: 2d numbers a LayerNorm
    of width d, d an RMSNorm."""

    targets: tuple[str, ...] | str | None = None

    name, rate = "ln_tuning", 3e-2

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)
        for norm in matching_norms(view, self.targets).values():
            for parameter in norm.parameters():
                parameter.train()
        return view


def matching_norms(module, targets=None):
    """{name: norm} of the norms whose dotted name ends in one of `targets`; None means all."""
    kinds = LayerNorm, RMSNorm
    norms = {name: norm for name, norm in module.named_modules() if isinstance(norm, kinds)}
    ends = norms if targets is None else (targets,) if isinstance(targets, str) else targets
    for end in ends:
        if not any(f".{name}".endswith(f".{end}") for name in norms):
            raise ValueError(f"LNTuning: {end!r} matches no norm; there are: {', '.join(norms)}")
    if not norms:
        raise ValueError(f"LNTuning: this {type(module).__name__} has no norm")
    return {n: each for n, each in norms.items() if any(f".{n}".endswith(f".{e}") for e in ends)}
