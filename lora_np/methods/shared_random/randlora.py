"""RandLoRA: full rank from fixed random bases, scaled by learned diagonals (2502.00987).

    ΔW = s·Σ_b B_b·Λ_b·A·Γ_b,   Λ_b and Γ_b diagonal,   s = α/r        (Albert et al. 2025, eq. 3)

B_b (large side, r) and A (r, small side) are random, frozen and all layers'; with n = ⌈small/r⌉
bases the sum has full rank, for n·(r + small) numbers a layer. It multiplies by two whole matrices:
fewer numbers than LoRA, and more work.
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Factored, give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class RandLoRALinear(Factored):
    """y = base(x) + x·ΔW; Λ starts at zero, so y as base(x).

    Row (k, b) of S, which is Λ_b[k]·A[k]∘Γ_b, meets B's column k·n + b: as PEFT lays them, so that
    a base's columns are not next to each other.
    Shapes: A (r, small), B (large, n·r), Λ (r, n), Γ (n, small), S (r·n, small).
    """

    def __init__(self, base, A, B, alpha):
        super().__init__(base)
        small, rank = min(base.in_features, base.out_features), len(A.data)
        self.A, self.B = A, B  # as large as the largest layer needs, and frozen
        self.scale = float(alpha / rank)
        n = -(-small // rank)
        self.L = Parameter(np.zeros((rank, n), base.dtype))  # Λ
        self.G = Parameter(np.full((n, small), 1 / max(n, small), base.dtype))  # Γ

    def factors(self):
        L, G = self.L.data, self.G.data
        S = self.scale * (L[:, :, None] * self.A.data[:, None, : G.shape[1]] * G)  # (r, n, small)
        S = S.reshape(L.size, -1)
        large = max(self.in_features, self.out_features)
        B = self.B.data[:large, : L.size]  # (large, r·n)
        return (S.T, B.T) if self.moves[0] else (B, S)

    def factors_backward(self, dP, dQ):
        L, G = self.L.data, self.G.data
        A, dS = self.A.data[:, : G.shape[1]], dQ if dP is None else dP.T
        dS = self.scale * dS.reshape(*L.shape, -1) * A[:, None]  # undoes ∘A  (r, n, small)
        give(self.L, np.einsum("kbj,bj->kb", dS, G))  # undoes Λ∘
        give(self.G, np.einsum("kbj,kb->bj", dS, L))  # undoes ∘Γ

    @property
    def moves(self):  # what learns is of the small side
        return self.in_features <= self.out_features, self.in_features > self.out_features


@dataclass(frozen=True)
class RandLoRA(OnLayers):
    """RandLoRA on `targets`: the larger the `rank` of a base, the fewer bases and numbers."""

    rank: int = 32
    alpha: float = 640.0
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "randlora", 1e-3, RandLoRALinear

    def common(self, layers, rng):
        both = [max(getattr(e, side) for e in layers) for side in ("in_features", "out_features")]
        small, large = min(both), max(both)
        A = unit_random(rng, (self.rank, small), layers[0].dtype)
        B = unit_random(rng, (large, self.rank * math.ceil(small / self.rank)), layers[0].dtype)
        return A, B

    def around(self, layer, rng, A, B):
        return RandLoRALinear(layer, A, B, self.alpha)


def unit_random(rng, shape, dtype):
    """Uniform numbers of standard deviation one, as PEFT's; they never learn."""
    numbers = rng.uniform(-1, 1, shape)
    return Parameter((numbers / numbers.std()).astype(dtype), trainable=False)
