"""DeLoRA: LoRA whose directions have length one, and one strength for all (2503.18225).

    ΔW = w ∘ (λ/r)·Σᵢ aᵢbᵢ / (‖aᵢ‖‖bᵢ‖),   w the norms of W's rows (in)   (Bini et al. 2025, eq. 8)

So λ alone says how far W moves, however long training goes on: angle and strength are apart.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Factored, give, kaiming
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR

SHORTEST = 1e-4  # a shorter vector is divided by this, as in PEFT: B starts at zero


class DeLoRALinear(Factored):
    """y = base(x) + (x∘w)·Â·(λ/r)·B̂, where Â's columns and B̂'s rows have length one.

    B starts at zero, so y as base(x); from the first step on that takes a row of B beyond SHORTEST
    ΔW has its whole length, w·λ/r a row, however small the step was.
    Shapes: A (in, r), B (r, out), λ (1,), w (in,), frozen.
    """

    def __init__(self, base, rank, strength, rng):
        super().__init__(base)
        self.A = kaiming(rng, (base.in_features, rank), base.in_features, base.dtype)
        self.B = Parameter(np.zeros((rank, base.out_features), base.dtype))
        self.strength = Parameter(np.full(1, strength, base.dtype))  # λ
        W = base.effective_weight()
        self.w = Parameter(np.sqrt(np.einsum("io,io->i", W, W)), trainable=False)

    def factors(self):
        A, B = unit(self.A.data, 0), unit(self.B.data, 1)
        return self.w.data[:, None] * A, self.strength.data / len(B) * B

    def factors_backward(self, dP, dQ):
        share = self.strength.data / len(dQ)  # λ/r
        give(self.strength, (dQ * unit(self.B.data, 1)).sum(keepdims=True)[0] / len(dQ))
        give(self.A, unit_backward(self.w.data[:, None] * dP, self.A.data, 0))  # undoes w∘Â
        give(self.B, unit_backward(share * dQ, self.B.data, 1))  # undoes (λ/r)·B̂


def unit(v, axis):
    """v/‖v‖ along an axis."""
    return v / np.maximum(np.linalg.norm(v, axis=axis, keepdims=True), SHORTEST)


def unit_backward(dunit, v, axis):
    """Along v itself nothing changes: dv = (dunit − v̂(v̂·dunit))/‖v‖, but for the shortest."""
    length, u = np.linalg.norm(v, axis=axis, keepdims=True), unit(v, axis)
    along = np.where(length > SHORTEST, u * (u * dunit).sum(axis=axis, keepdims=True), 0)
    return (dunit - along) / np.maximum(length, SHORTEST)


@dataclass(frozen=True)
class DeLoRA(OnLayers):
    """DeLoRA on `targets`: LoRA's numbers and one more a layer, which starts at `strength`."""

    rank: int = 8
    strength: float = 1.0
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "delora", 1e-2, DeLoRALinear

    def around(self, layer, rng):
        return DeLoRALinear(layer, self.rank, self.strength, rng)
