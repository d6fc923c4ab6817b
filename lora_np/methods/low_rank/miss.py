"""MiSS: every r rows of ΔW are the same r rows (Kang & Yin 2024, arXiv 2409.15371, §3).

    y = base(x) + (x̂₁ + … + x̂_n) D,   x̂_i the i-th r of x's numbers       ΔW_kj = D_(k mod r, j)

That is LoRA with a fixed A of ones and zeros, the identity over and over: there is no product
with it, only a sum, and D may start at 0 since A does not.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class MiSSLinear(Added):
    """y = base(x) + uD, with u the sum of x's pieces of r; zeros fill up the last one.

    D is 0 at first. Shapes: x (N, in), u (N, r), D (r, out).
    """

    def __init__(self, base, rank):
        super().__init__(base)
        if rank > base.in_features:
            raise ValueError(f"MiSS: expected a rank up to in = {base.in_features}, got {rank}")
        self.D = Parameter(np.zeros((rank, base.out_features), base.dtype))

    def branch(self, x):
        r = len(self.D.data)
        filled = np.pad(x, ((0, 0), (0, -self.in_features % r)))
        u = filled.reshape(len(x), -1, r).sum(axis=1)  # (N, r)
        return u @ self.D.data, u if self.learns() else None

    def branch_backward(self, dz, u, below_trains):
        if u is not None:
            self.D.accumulate(u.T @ dz)  # undoes uD
        if below_trains:
            du = dz @ self.D.data.T  # undoes uD
            return du[:, np.arange(self.in_features) % len(self.D.data)]  # undoes the sum


@dataclass(frozen=True)
class MiSS(OnLayers):
    """One shared piece of `rank` rows on `targets`: rank·out numbers a layer."""

    rank: int = 8
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "miss", 3e-3, MiSSLinear

    def around(self, layer, rng):
        return MiSSLinear(layer, self.rank)
