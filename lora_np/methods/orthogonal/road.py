"""RoAd: turn a layer's outputs in pairs, and scale them (Liao & Monz 2024, arXiv 2409.00119, §3.2).

    y₁ = c·z₁ − s·z₂,   y₂ = c·z₂ + s·z₁,   c = α cos θ,  s = α sin θ        z = base(x)

So W' = WR and b' = bR. The variant road_1 has one θ and α for a pair, road_2 one for each of its
outputs, and road_4 one for each of the four products: then R need be no rotation.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import LinearLike, rows
from ...nn.module import Parameter, Wrapper
from ..added import give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .rotations import quarter


class RoAdLinear(Wrapper, LinearLike):
    """The first half of each `group` of outputs is paired with its second, as in rotary embeddings.

    θ is 0 and α is 1 at first. Shapes: θ and α (out·angles/2,), by group, c or s, half and pair.
    """

    def __init__(self, base, group, angles):
        if (out := base.out_features) % group:
            raise ValueError(f"RoAd: expected a group that divides out = {out}, got {group}")
        self.base, size = base.freeze(), out * angles // 2
        self.by = -1, 1 + (angles == 4), 1 + (angles > 1), group // 2
        self.theta = Parameter(np.zeros(size, base.dtype))
        self.alpha = Parameter(np.ones(size, base.dtype))

    def factors(self):
        theta, alpha = self.theta.data.reshape(self.by), self.alpha.data.reshape(self.by)
        return (alpha[:, 0], alpha[:, -1]), np.cos(theta), np.sin(theta)

    def turned(self, z):
        (a, b), cos, sin = self.factors()
        pairs = z.reshape(len(z), -1, 2, self.by[-1])
        return (pairs * (a * cos[:, 0]) + quarter(pairs) * (b * sin[:, -1])).reshape(z.shape)

    def forward(self, x, *, rng=None):
        z, base_cache = self.base.forward(x)
        return self.turned(rows(z)).reshape(z.shape), (base_cache, z if self.trains() else None)

    def backward(self, dy, cache, **below):
        base_cache, z = cache
        (a, b), cos, sin = self.factors()
        d = dy.reshape(-1, len(a), 2, self.by[-1])  # (N, groups, 2, pairs)
        if z is not None:
            z = z.reshape(d.shape)
            dc, ds = (d * z).sum(axis=0), (d * quarter(z)).sum(axis=0)  # undoes z∘c + Jz∘s
            dtheta = np.stack([-dc * a * sin[:, 0], ds * b * cos[:, -1]], 1)  # undoes cos and sin
            dalpha = np.stack([dc * cos[:, 0], ds * sin[:, -1]], 1)  # undoes α cos θ and α sin θ
            shared = tuple(axis for axis in (1, 2) if self.by[axis] == 1)
            give(self.theta, dtheta.sum(axis=shared).reshape(-1))
            give(self.alpha, dalpha.sum(axis=shared).reshape(-1))
        dz = d * (a * cos[:, 0]) - quarter(d * (b * sin[:, -1]))  # undoes z∘c + Jz∘s: Jᵀ = −J
        return self.base.backward(dz.reshape(dy.shape), base_cache, **below)

    def effective_weight(self):
        return self.turned(self.base.effective_weight())

    def effective_bias(self):
        bias = self.base.effective_bias()
        return None if bias is None else self.turned(bias[None])[0]


@dataclass(frozen=True)
class RoAd(OnLayers):
    """Turn pairs of the outputs of `targets`: out numbers a layer, or 2 out, or 4 out."""

    group: int = 64
    variant: str = "road_1"
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer, limits = "road", 3e-2, RoAdLinear, {"group": 2}

    def __post_init__(self):
        super().__post_init__()
        if self.group % 2 or self.variant not in ("road_1", "road_2", "road_4"):
            got = f"{self.group} and {self.variant!r}"
            raise ValueError(f"RoAd: expected an even group and road_1, 2 or 4, got {got}")

    def around(self, layer, rng):
        return RoAdLinear(layer, self.group, int(self.variant[-1]))
