"""AdaLoRA: the rank goes where it matters, while training (Zhang et al. 2023, arXiv 2303.10512).

    ΔW = s·A·diag(E)·B,   s = α/r        (§3.1, eq. 3, transposed)

Each layer starts with r triplets (a column of A, a number of E, a row of B). While it trains, those
of all layers are ranked by how much the loss hangs on them, and the least lose their E
(`train/rank_allocation.py`). What keeps A's columns and B's rows apart is a penalty there.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Module, Parameter
from ..added import Factored, give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR, begin, ends_in, matching_linears, wrap_each


class AdaLoRALinear(Factored):
    """y = base(x) + s·((xA)∘E)B; E starts at zero, so y as base(x).

    The scale keeps the r that it began with, whatever is left. PEFT's has 1e-5 added to r.
    Shapes: A (in, r), E (r,), B (r, out).
    """

    def __init__(self, base, rank, alpha, kept, rng):
        super().__init__(base)
        self.scale = float(alpha / (rank + 1e-5))
        shapes = (base.in_features, kept), (kept, base.out_features)
        self.A, self.B = (
            Parameter((0.02 * rng.standard_normal(shape)).astype(base.dtype)) for shape in shapes
        )
        self.E = Parameter(np.zeros(kept, base.dtype))

    def factors(self):
        return self.A.data * self.E.data, self.scale * self.B.data

    def factors_backward(self, dP, dQ):
        give(self.A, dP * self.E.data)  # undoes A∘E
        give(self.E, np.einsum("ir,ir->r", dP, self.A.data))
        give(self.B, self.scale * dQ)  # undoes s·B


@dataclass(frozen=True)
class AdaLoRA(OnLayers):
    """AdaLoRA on `targets`: `rank` triplets a layer at first, `target_rank` a layer on average at
    last, or two thirds. `kept` says what is left of a trained one: (whole name, triplets), …."""

    rank: int = 12
    alpha: float = 24.0
    target_rank: int | None = None
    targets: tuple[str, ...] | str = ALL_LINEAR
    kept: tuple[tuple[str, int], ...] = ()

    name, rate, layer = "adalora", 3e-2, AdaLoRALinear

    def __post_init__(self):
        super().__post_init__()
        if self.target > self.rank:
            got = f"{self.target_rank} for {self.rank}"
            raise ValueError(f"AdaLoRA: expected a target_rank up to the rank, got {got}")

    @property
    def target(self):
        return self.target_rank or max(1, 2 * self.rank // 3)

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)

        def made(name, layer):
            left = (n for whole, n in self.kept if ends_in(whole, name))
            return AdaLoRALinear(layer, self.rank, self.alpha, next(left, self.rank), rng)

        return wrap_each(view, matching_linears(view, self.targets), made)
