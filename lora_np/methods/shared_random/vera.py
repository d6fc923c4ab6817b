"""VeRA: one random pair of factors for all layers, and two vectors that each learns (2310.11454).

    ΔW = (A ∘ d) (B ∘ b)        d scales A's columns, b those of B (Kopiczko et al. 2024, eq. 2)

A and B are drawn once and frozen, as large as the largest layer needs; each layer uses the corner
that fits it. So a layer learns r + out numbers, and LoRA r·(in + out).
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Factored, give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class VeRALinear(Factored):
    """y = base(x) + ((xA ∘ d)B) ∘ b; b starts at zero, so y as base(x).

    Shapes: A (at least in, r), B (r, at least out), d (r,), b (out,).
    """

    def __init__(self, base, A, B, d_initial):
        super().__init__(base)
        self.A, self.B = A, B  # other layers' too, and frozen
        self.d = Parameter(np.full(B.shape[0], d_initial, base.dtype))
        self.b = Parameter(np.zeros(base.out_features, base.dtype))

    def factors(self):
        return self.corner_A() * self.d.data, self.corner_B() * self.b.data

    def factors_backward(self, dP, dQ):
        give(self.d, np.einsum("ir,ir->r", dP, self.corner_A()))  # undoes A∘d
        give(self.b, np.einsum("ro,ro->o", dQ, self.corner_B()))  # undoes B∘b

    def corner_A(self):
        return self.A.data[: self.in_features]

    def corner_B(self):
        return self.B.data[:, : self.out_features]


@dataclass(frozen=True)
class VeRA(OnLayers):
    """VeRA on `targets`, with A and B of one high `rank`: it costs no number that learns."""

    rank: int = 64
    d_initial: float = 0.1
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "vera", 1e-1, VeRALinear

    def common(self, layers, rng):
        dtype, n_in = layers[0].dtype, max(layer.in_features for layer in layers)
        n_out = max(layer.out_features for layer in layers)
        A = frozen(rng, (n_in, self.rank), n_in, dtype)
        return A, frozen(rng, (self.rank, n_out), self.rank, dtype)

    def around(self, layer, rng, A, B):
        return VeRALinear(layer, A, B, self.d_initial)


def frozen(rng, shape, fan_in, dtype):
    """Kaiming's uniform numbers, U(±√(6/fan_in)), as PEFT draws them; they never learn."""
    bound = math.sqrt(6 / fan_in)
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype), trainable=False)
