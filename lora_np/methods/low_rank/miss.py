"""MiSS: every r rows of ΔW are the same r rows (Kang & Yin 2024, arXiv 2409.15371, §3).

    y = base(x) + (x̂₁ + … + x̂_n) D,   x̂_i the i-th r of x's numbers       ΔW_kj = D_(k mod r, j)

That is LoRA with a fixed A of ones and zeros, the identity over and over: there is no product
with it, only a sum, and D may start at 0 since A does not. "mini" repeats m columns as well:
ΔW_kj = D_(k mod r, j mod m).
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class MiSSLinear(Added):
    """y = base(x) + u(D D … D), with u the sum of x's pieces of r; zeros fill up the last one.

    D is 0 at first. Shapes: x (N, in), u (N, r), D (r, m), with m = out but for "mini".
    """

    def __init__(self, base, rank, mini=None):
        super().__init__(base)
        if rank > base.in_features:
            raise ValueError(f"MiSS: expected a rank up to in = {base.in_features}, got {rank}")
        if base.out_features % (m := mini or base.out_features):
            raise ValueError(f"MiSS: expected mini to divide out = {base.out_features}, got {m}")
        self.D = Parameter(np.zeros((rank, m), base.dtype))

    def branch(self, x):
        r = len(self.D.data)
        filled = np.pad(x, ((0, 0), (0, -self.in_features % r)))
        u = filled.reshape(len(x), -1, r).sum(axis=1)  # (N, r)
        return u @ self.repeated(), u if self.learns() else None

    def branch_backward(self, dz, u, below_trains):
        if u is not None:
            r, m = self.D.shape
            self.D.accumulate((u.T @ dz).reshape(r, -1, m).sum(axis=1))  # undoes u(D D … D)
        if below_trains:
            du = dz @ self.repeated().T  # undoes u(D D … D)
            return du[:, np.arange(self.in_features) % len(self.D.data)]  # undoes the sum

    def repeated(self):
        """(D D … D)  (r, out)"""
        return np.tile(self.D.data, self.out_features // self.D.shape[1])


@dataclass(frozen=True)
class MiSS(OnLayers):
    """One shared piece of `rank` rows on `targets`: rank·out numbers a layer, or rank·mini."""

    rank: int = 8
    targets: tuple[str, ...] | str = ALL_LINEAR
    mini: int | None = None

    name, rate, layer = "miss", 2e-3, MiSSLinear

    def around(self, layer, rng):
        return MiSSLinear(layer, self.rank, self.mini)
