"""TinyLoRA: a handful of numbers moves every layer (Morris et al. 2026, arXiv 2602.04118).

    W' = W + UΣ·R·Vᵀ,   R = Σᵢ vᵢ·Pᵢ         only v learns, and every layer may share one v

UΣVᵀ is W's own truncated SVD, of rank r, and each Pᵢ a fixed random (r, r) matrix. So a change is
made of W's strongest directions, as in LoRA-XS, whose R (r, r) learns whole.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import LinearLike, rows
from ...nn.module import Module, Parameter, Wrapper
from ...system.checks import check_whole
from ..targets import ALL_LINEAR, begin, matching_linears, wrap


class TinyLoRALinear(Wrapper, LinearLike):
    """y = base(x) + (xL)·R·Vᵀ with L = UΣ and R = Σᵢ vᵢPᵢ; all but v is frozen.

    v starts at zero, so y starts as base(x). It may be other layers' v too: gradients add up.
    Shapes: x (..., in), L (in, r), P (n, r, r), v (n,), R (r, r), Vt (r, out), y (..., out).
    """

    def __init__(self, base: LinearLike, rank: int, v: Parameter, rng: np.random.Generator):
        _check_settings(rank, v.size)
        shape = (base.in_features, base.out_features)
        if rank > (largest := min(shape)):
            expected = f"a rank from 1 to min(in, out) = {largest} for a weight {shape}"
            raise ValueError(f"TinyLoRA: expected {expected}, got {rank}")
        self.base, self.v = base, v
        self.base.freeze()
        P = rng.standard_normal((v.size, rank, rank)) / rank
        made = (*strongest(base.effective_weight(), rank), P)
        self.L, self.Vt, self.P = (Parameter(x.astype(base.dtype), trainable=False) for x in made)

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        z = rows(x) @ self.L.data  # (N, r)
        y += (z @ self.R() @ self.Vt.data).reshape(y.shape)
        return y, (base_cache, z if self.v.trainable else None)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, z = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        du = rows(dy) @ self.Vt.data.T  # undoes uVᵀ, u = zR  (N, r)
        if self.v.trainable:
            dR = z.T @ du  # undoes zR  (r, r)
            self.v.accumulate(np.tensordot(self.P.data, dR))  # undoes Σ vᵢPᵢ: dvᵢ = Σ Pᵢ∘dR  (n,)
        if not below_trains:
            return None
        dz = du @ self.R().T  # undoes zR
        dx += (dz @ self.L.data.T).reshape(dx.shape)  # undoes xL; x was used twice
        return dx

    def R(self):
        """Σᵢ vᵢ·Pᵢ  (r, r)"""
        return np.tensordot(self.v.data, self.P.data, axes=1)

    def effective_weight(self) -> np.ndarray:
        """W' = W + L·R·Vᵀ  (in, out)"""
        return self.base.effective_weight() + self.L.data @ self.R() @ self.Vt.data


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
class TinyLoRA:
    """TinyLoRA on `targets`: `numbers` that learn in all, or in each layer unless `shared`."""

    numbers: int = 13
    rank: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR
    shared: bool = True

    name, rate = "tinylora", 3e-2

    def __post_init__(self):
        _check_settings(self.rank, self.numbers)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        view = begin(self, model)
        dtype = next(iter(matching_linears(view, self.targets).values())).dtype
        v = Parameter(np.zeros(self.numbers, dtype))

        def made(layer):
            own = v if self.shared else Parameter(v.data.copy())
            return TinyLoRALinear(layer, self.rank, own, rng)

        return wrap(view, self.targets, made)


def _check_settings(rank, numbers):
    check_whole("TinyLoRA: expected a rank", rank)
    check_whole("TinyLoRA: expected numbers", numbers)
