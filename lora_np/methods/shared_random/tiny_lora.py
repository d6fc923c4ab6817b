"""TinyLoRA: a handful of numbers moves every layer (Morris et al. 2026, arXiv 2602.04118).

    W' = W + UΣ·R·Vᵀ,   R = Σᵢ vᵢ·Pᵢ         only v learns, and every layer may share one v

UΣVᵀ is W's own truncated SVD, of rank r, and each Pᵢ a fixed random (r, r) matrix. So a change is
made of W's strongest directions, as in LoRA-XS, whose R (r, r) learns whole.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import LinearLike
from ...nn.module import Parameter
from ...system.checks import check_whole
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class TinyLoRALinear(Added):
    """y = base(x) + (xL)·R·Vᵀ with L = UΣ and R = Σᵢ vᵢPᵢ; all but v is frozen.

    v starts at zero, so y starts as base(x). It may be other layers' v too: gradients add up.
    Shapes: x (N, in), L (in, r), P (n, r, r), v (n,), R (r, r), Vt (r, out).
    """

    def __init__(self, base: LinearLike, rank: int, v: Parameter, rng: np.random.Generator):
        check_whole("TinyLoRA: expected a rank", rank)
        shape = (base.in_features, base.out_features)
        if rank > (largest := min(shape)):
            expected = f"a rank from 1 to min(in, out) = {largest} for a weight {shape}"
            raise ValueError(f"TinyLoRA: expected {expected}, got {rank}")
        super().__init__(base)
        self.v = v
        P = rng.standard_normal((v.size, rank, rank)) / rank
        made = (*strongest(base.effective_weight(), rank), P)
        self.L, self.Vt, self.P = (Parameter(x.astype(base.dtype), trainable=False) for x in made)

    def branch(self, x):
        z = x @ self.L.data  # (N, r)
        return z @ self.R() @ self.Vt.data, z if self.v.trainable else None

    def branch_backward(self, dz, z, below_trains):
        du = dz @ self.Vt.data.T  # undoes uVᵀ, u = zR  (N, r)
        if z is not None:
            dR = z.T @ du  # undoes zR  (r, r)
            self.v.accumulate(np.tensordot(self.P.data, dR))  # undoes Σ vᵢPᵢ: dvᵢ = Σ Pᵢ∘dR  (n,)
        if below_trains:
            return du @ self.R().T @ self.L.data.T  # undoes zR, then xL

    def R(self):
        """Σᵢ vᵢ·Pᵢ  (r, r)"""
        return np.tensordot(self.v.data, self.P.data, axes=1)


def strongest(W, rank):
    """(UΣ, Vᵀ) of W's `rank` largest singular values: (in, r) and (r, out).

    A pair of singular vectors may turn its sign together. Here the largest number of each u is
    positive, so that a saved v means the same wherever the SVD is taken.
    """
    U, S, Vt = np.linalg.svd(W.astype(np.float64), full_matrices=False)
    U, S, Vt = U[:, :rank], S[:rank], Vt[:rank]
    sign = np.where(U[np.abs(U).argmax(axis=0), np.arange(rank)] < 0, -1.0, 1.0)
    return U * (sign * S), sign[:, None] * Vt


@dataclass(frozen=True)
class TinyLoRA(OnLayers):
    """TinyLoRA on `targets`: `numbers` that learn in all, or in each layer unless `shared`."""

    numbers: int = 13
    rank: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR
    shared: bool = True

    name, rate, layer = "tinylora", 3e-2, TinyLoRALinear

    def common(self, layers, rng):
        return [Parameter(np.zeros(self.numbers, layers[0].dtype))]

    def around(self, layer, rng, v):
        own = v if self.shared else Parameter(v.data.copy())
        return TinyLoRALinear(layer, self.rank, own, rng)
