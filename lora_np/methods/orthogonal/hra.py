"""HRA: turn each layer's input by a chain of mirrors (Yuan et al. 2024, arXiv 2405.17484, §3.1).

    y = base(x H_r … H₁),   H_i = I − 2 û_i û_iᵀ,   û = u/‖u‖          W' = H_r … H₁ W

Each H mirrors x at the plane that û is normal to (Householder 1958), so their product is
orthogonal, and differs from I by a matrix of rank r at most: both LoRA's kind and OFT's.
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .rotations import Rotated


class HRALinear(Rotated):
    """Mirrors in equal pairs at first, which undo each other; a last one without a pair does not.

    Shapes: x (N, in), u (in, r), a mirror a column.
    """

    def __init__(self, base, rank, rng):
        self.base, bound = base.freeze(), 1 / math.sqrt((rank + 1) // 2)  # PEFT's
        half = rng.uniform(-bound, bound, (base.in_features, (rank + 1) // 2))
        self.u = Parameter(np.repeat(half, 2, axis=1)[:, :rank].astype(base.dtype))

    def mirrors(self):
        """(û, ‖u‖) of each column of u: (r, in) and (r,)."""
        length = np.linalg.norm(self.u.data, axis=0)
        return (self.u.data / length).T, length

    def rotate(self, x):
        units, length = self.mirrors()
        z = x
        for unit in units[::-1]:
            z = z - np.outer(2 * (z @ unit), unit)  # zH
        return z, (units, length, z if self.u.trainable else None)

    def rotate_backward(self, dz, cache):
        """A mirror is its own inverse: what went into each comes back from what came out."""
        units, length, z = cache
        du = np.zeros_like(self.u.data)
        for i, unit in enumerate(units):
            along = dz @ unit  # (N,)
            dx = dz - np.outer(2 * along, unit)  # undoes zH: dx = dz H
            if self.u.trainable:
                x = z - np.outer(2 * (z @ unit), unit)
                dunit = -2 * (x.T @ along + dz.T @ (x @ unit))  # undoes 2(x·û)û: û is there twice
                du[:, i] = (dunit - unit * (unit @ dunit)) / length[i]  # undoes u/‖u‖
                z = x
            dz = dx
        give(self.u, du)
        return dz


@dataclass(frozen=True)
class HRA(OnLayers):
    """`rank` mirrors on `targets`: rank·in numbers a layer. An even rank starts as the base."""

    rank: int = 8
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "hra", 2e-2, HRALinear

    def around(self, layer, rng):
        return HRALinear(layer, self.rank, rng)
