"""OFT: turn each layer's input by small rotations (Qiu et al. 2023, arXiv 2306.07280, §3.2).

    y = base(xR),   R = diag(R₁, …, R_D),   R_k = (I + Q_k)(I − Q_k)⁻¹,   Q_kᵀ = −Q_k

W' = RW: the angles between the weights of any two outputs, and their lengths, stay as they are.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .rotations import (
    Rotated,
    cayley,
    cayley_backward,
    neumann,
    neumann_backward,
    times_blocks,
    times_blocks_backward,
)


class OFTLinear(Rotated):
    """Blocks of the divisor of `in` that is nearest to `block`; q holds what is above Q's diagonal.

    R is made by so many terms of the series, or by the inverse, which turns the other way round,
    as in PEFT. q is 0 at first, and R is I. Shapes: q (D, b(b − 1)/2), Q and R (D, b, b).
    """

    def __init__(self, base, block, series, terms):
        self.base, self.terms, n = base.freeze(), terms if series else None, base.in_features
        self.block = min((b for b in range(1, n + 1) if n % b == 0), key=lambda b: abs(b - block))
        if self.block == 1:
            raise ValueError(f"OFT: expected blocks of two or more to divide in = {n}, got {block}")
        shape = n // self.block, self.block * (self.block - 1) // 2
        self.q = Parameter(np.zeros(shape, base.dtype))

    def rotate(self, x):
        i, j = np.triu_indices(self.block, 1)
        Q = np.zeros((len(self.q.data), self.block, self.block), self.q.dtype)
        Q[:, i, j], Q[:, j, i] = self.q.data, -self.q.data
        R, steps = cayley(Q) if self.terms is None else neumann(Q, self.terms)
        learns = self.q.trainable
        return times_blocks(x, R), (R, *((x, Q, steps) if learns else (None, None, None)))

    def rotate_backward(self, dz, cache):
        R, x, Q, steps = cache
        dx, dR = times_blocks_backward(dz, x, R, self.q.trainable)
        if self.q.trainable:
            exact = self.terms is None
            dQ = cayley_backward(dR, steps) if exact else neumann_backward(dR, steps, Q)
            i, j = np.triu_indices(self.block, 1)
            self.q.accumulate(dQ[:, i, j] - dQ[:, j, i])  # undoes Q[i, j] = q, Q[j, i] = −q
        return dx


@dataclass(frozen=True)
class OFT(OnLayers):
    """Rotations of `block` inputs each on `targets`: (block − 1)·in/2 numbers a layer."""

    block: int = 32
    series: bool = True
    terms: int = 5
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer, limits = "oft", 6e-3, OFTLinear, {"block": 2, "terms": 4}

    def around(self, layer, rng):
        return OFTLinear(layer, self.block, self.series, self.terms)
