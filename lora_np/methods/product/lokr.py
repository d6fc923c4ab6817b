"""LoKr: the Kronecker product of a small matrix and a low-rank one (2212.10650, KronA; LyCORIS).

    ΔW = C ⊗ D,   D = s·AB or s·D whole,   s = α/r        rank(ΔW) = rank(C)·rank(D)

Block (i, j) of ΔW is C_ij·D. So x, cut into m pieces, is multiplied piece by piece by the small D,
and C mixes what comes out: ΔW is never formed.
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added, give, kaiming
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class LoKrLinear(Added):
    """y = base(x) + x(C ⊗ D); C starts at zero, so y as base(x).

    D is low-rank where that has fewer numbers: r under half of its longer side, as in PEFT.
    Shapes: in = m·n, out = l·k; C (m, l), A (n, r), B (r, k), D (n, k).
    """

    def __init__(self, base, rank, alpha, rng):
        super().__init__(base)
        (m, n), (l, k) = middle(base.in_features), middle(base.out_features)
        dtype, whole = base.dtype, 2 * rank >= max(n, k)
        self.scale = float(alpha / rank)
        self.C = Parameter(np.zeros((m, l), dtype))
        self.D = kaiming(rng, (n, k), n, dtype) if whole else None
        self.A = None if whole else kaiming(rng, (n, rank), n, dtype)
        self.B = None if whole else kaiming(rng, (rank, k), rank, dtype)

    def small(self):
        D = self.A.data @ self.B.data if self.D is None else self.D.data
        return self.scale * D  # (n, k)

    def branch(self, x):
        C, D = self.C.data, self.small()
        pieces = x.reshape(-1, len(D))  # (N·m, n)
        u = (pieces @ D).reshape(len(x), len(C), -1)  # (N, m, k)
        z = C.T @ u  # (N, l, k): C mixes the pieces
        return z.reshape(len(x), -1), (pieces, u) if self.learns() else None

    def branch_backward(self, dz, cache, below_trains):
        C, D = self.C.data, self.small()
        dz = dz.reshape(len(dz), C.shape[1], -1)  # (N, l, k)
        du = (C @ dz).reshape(-1, D.shape[1])  # undoes Cᵀu  (N·m, k)
        if cache is not None:
            pieces, u = cache
            give(self.C, np.tensordot(u, dz, axes=((0, 2), (0, 2))))  # undoes Cᵀu
            self.small_backward(pieces.T @ du)  # undoes pieces·D
        return (du @ D.T).reshape(len(dz), -1) if below_trains else None  # undoes pieces·D

    def small_backward(self, dD):
        dD = self.scale * dD
        if self.D is not None:
            return give(self.D, dD)
        give(self.A, dD @ self.B.data.T)  # undoes AB
        give(self.B, self.A.data.T @ dD)


def middle(size):
    """(m, n) with m·n = size and m the largest divisor up to √size: 12 is 3·4, and 7 is 1·7."""
    m = next(m for m in range(math.isqrt(size), 0, -1) if size % m == 0)
    return m, size // m


@dataclass(frozen=True)
class LoKr(OnLayers):
    """LoKr on `targets`: m·l + r·(n + k) numbers a layer, far fewer than LoRA's."""

    rank: int = 8
    alpha: float = 16.0
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "lokr", 1e-2, LoKrLinear

    def around(self, layer, rng):
        return LoKrLinear(layer, self.rank, self.alpha, rng)
