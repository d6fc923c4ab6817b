"""BOFT: a rotation made of sparse ones, as a butterfly (Liu et al. 2024, arXiv 2311.06243, §4).

    y = s ∘ (x R_m … R₁ W) + b          W' = RW ∘ s,  one factor s_j for each output

Factor i turns blocks of b inputs, two halves of b/2 that lie 2^(i − 1) halves apart. So m factors
mix 2^(m − 1)·b inputs with m·b numbers for each, where one block of that size has 2^(m − 1)·b.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import rows
from ...nn.module import Parameter
from ..added import give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .rotations import Rotated, cayley, cayley_backward, moved, times_blocks, times_blocks_backward


class BOFTLinear(Rotated):
    """R_i = (I − Q)(I + Q)⁻¹ with Q = (F_i − F_iᵀ)/2; F is 0 at first and s is 1.

    Shapes: F (m, D, b, b) with D = in/b, s (out,).
    """

    def __init__(self, base, block, factors):
        if (n := base.in_features) % (mixed := block * 2 ** (factors - 1)):
            raise ValueError(f"BOFT: expected in to be a multiple of {mixed}, got {n}")
        self.base = base.freeze()
        self.F = Parameter(np.zeros((factors, n // block, block, block), base.dtype))
        self.s = Parameter(np.ones(base.out_features, base.dtype))

    def forward(self, x, *, rng=None):
        y, cache = super().forward(x)
        bias = self.base.effective_bias()
        z = y if bias is None else y - bias  # xRW
        return y + z * (self.s.data - 1), (cache, z if self.s.trainable else None)

    def backward(self, dy, cache, **below):
        cache, z = cache
        if z is not None:
            self.s.accumulate(np.einsum("nj,nj->j", rows(dy), rows(z)))  # undoes s∘(xRW)
        if self.base.trains():  # b, which is the base of a zero row, comes without s
            _, at_zero = self.base.forward(np.zeros((1, self.in_features), self.dtype))
            db = (rows(dy) * (1 - self.s.data)).sum(axis=0, keepdims=True)
            self.base.backward(db, at_zero, below_trains=False)
        return super().backward(dy * self.s.data, cache, **below)  # undoes s∘(xRW)

    def rotate(self, x):
        caches, b = [], self.F.shape[-1]
        for i, F in reversed(list(enumerate(self.F.data))):
            R, M = cayley((F - F.transpose(0, 2, 1)) / 2)
            x = moved(x, 2, 2**i, b)  # halves 2^i apart, side by side in one block
            caches.append((R, M, x))
            x = moved(times_blocks(x, R), 2**i, 2, b)  # and back in their places
        return x, caches

    def rotate_backward(self, dz, cache):
        dF, b = np.zeros_like(self.F.data), self.F.shape[-1]
        for i, (R, M, x) in enumerate(reversed(cache)):
            dz = moved(dz, 2, 2**i, b)  # undoes the move back
            dz, dR = times_blocks_backward(dz, x, R, self.F.trainable)
            if self.F.trainable:
                dQ = cayley_backward(dR, M)
                dF[i] = (dQ - dQ.transpose(0, 2, 1)) / 2  # undoes (F − Fᵀ)/2
            dz = moved(dz, 2**i, 2, b)  # undoes the move
        give(self.F, dF)
        return dz

    def effective_weight(self):
        return super().effective_weight() * self.s.data


@dataclass(frozen=True)
class BOFT(OnLayers):
    """factors·block·in + out numbers a layer, of which factors·(block − 1)/2·in + out count."""

    block: int = 4
    factors: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer, limits = "boft", 1e-2, BOFTLinear, {"block": 2}

    def __post_init__(self):
        super().__post_init__()
        if self.factors > 1 and self.block % 2:
            raise ValueError(f"BOFT: expected a block of two halves, got {self.block}")

    def around(self, layer, rng):
        return BOFTLinear(layer, self.block, self.factors)
