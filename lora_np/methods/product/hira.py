"""HiRA: W itself, number by number, times a low-rank matrix (Huang et al. 2025, ICLR).

    ΔW = W ∘ (AB)        (eq. 3), of a rank up to rank(W)·r: a low-rank AB, and a full-rank ΔW

Where W is zero, ΔW stays zero. No cheaper way to multiply by it is known: it is formed.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added, give, give_weight, kaiming
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class HiRALinear(Added):
    """y = base(x) + x(W ∘ AB); B starts at zero, so y as base(x). Shapes: A (in, r), B (r, out)."""

    def __init__(self, base, rank, rng):
        super().__init__(base)
        self.A = kaiming(rng, (base.in_features, rank), base.in_features, base.dtype)
        self.B = Parameter(np.zeros((rank, base.out_features), base.dtype))

    def branch(self, x):
        return x @ self.delta(), x if self.trains() else None

    def branch_backward(self, dz, x, below_trains):
        if x is not None:
            dW = x.T @ dz  # undoes x·ΔW
            give_weight(self.base, dW * (self.A.data @ self.B.data))  # undoes W ∘ AB
            dAB = self.base.effective_weight() * dW
            give(self.A, dAB @ self.B.data.T)  # undoes AB
            give(self.B, self.A.data.T @ dAB)
        return dz @ self.delta().T if below_trains else None  # undoes x·ΔW

    def delta(self):
        return self.base.effective_weight() * (self.A.data @ self.B.data)


@dataclass(frozen=True)
class HiRA(OnLayers):
    """HiRA on `targets`: LoRA's numbers, r·(in + out) a layer."""

    rank: int = 8
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "hira", 8e-2, HiRALinear

    def around(self, layer, rng):
        return HiRALinear(layer, self.rank, rng)
