"""SHiRA: few of W's own numbers learn (Bhardwaj et al. 2024, arXiv 2406.13175, §3).

    W' = W + ΔW,   ΔW is v_l at the place (k_l, j_l), and 0 elsewhere       only v learns

The places are random and fixed: r·(in + out) of them, as many as LoRA of rank r has numbers, and
ΔW's rank is as high as their pattern lets it be.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .places import spread


class SHiRALinear(Added):
    """y = base(x) + xΔW, with ΔW unformed: v_l times column k_l of x goes into column j_l of y.

    v is 0 at first. Shapes: v (n,), places (2, n) as PEFT has them: j in row 0, k in row 1.
    """

    def __init__(self, base, rank, rng):
        super().__init__(base)
        n_in, n_out = base.in_features, base.out_features
        numbers = rank * (n_in + n_out)
        if numbers > n_in * n_out:
            got = f"rank {rank}, which asks for {numbers} places"
            raise ValueError(f"SHiRA: expected up to in·out = {n_in * n_out} places, got {got}")
        places = np.sort(rng.choice(n_in * n_out, numbers, replace=False))
        self.places = np.stack([places // n_in, places % n_in]).astype(np.int32)
        self.v = Parameter(np.zeros(numbers, base.dtype))

    def branch(self, x):
        j, k = self.places
        z = spread(x[:, k] * self.v.data, j, self.out_features)
        return z, x if self.learns() else None

    def branch_backward(self, dz, x, below_trains):
        j, k = self.places
        d = dz[:, j]  # (N, n)
        if x is not None:
            self.v.accumulate(np.einsum("nl,nl->l", x[:, k], d))  # undoes x_k·v
        if below_trains:
            return spread(d * self.v.data, k, self.in_features)  # undoes x_k·v

    def effective_weight(self):
        j, k = self.places
        weight = self.base.effective_weight().copy()
        np.add.at(weight, (k, j), self.v.data)
        return weight


@dataclass(frozen=True)
class SHiRA(OnLayers):
    """rank·(in + out) numbers of each of `targets`, at random places."""

    rank: int = 8
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "shira", 2e-2, SHiRALinear

    def around(self, layer, rng):
        return SHiRALinear(layer, self.rank, rng)
