"""VeRA: one random pair of factors for all layers, and two vectors that each learns (2310.11454).

    ΔW = (A ∘ d) (B ∘ b)        d scales A's columns, b those of B (Kopiczko et al. 2024, eq. 2)

A and B are drawn once and frozen, as large as the largest layer needs; each layer uses the corner
that fits it. So a layer learns r + out numbers, and LoRA r·(in + out).
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.module import Module, Parameter
from ...system.checks import check_real, check_whole
from ..added import Factored, give
from ..targets import ALL_LINEAR, begin, matching_linears, wrap


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
class VeRA:
    """VeRA on `targets`, with A and B of one high `rank`: it costs no number that learns."""

    rank: int = 64
    d_initial: float = 0.1
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate = "vera", 1e-1

    def __post_init__(self):
        check_whole("VeRA: expected a rank", self.rank)
        check_real("VeRA: expected d_initial", self.d_initial, "")

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        view = begin(self, model)
        layers = list(matching_linears(view, self.targets).values())
        dtype, n_in = layers[0].dtype, max(layer.in_features for layer in layers)
        n_out = max(layer.out_features for layer in layers)
        A = frozen(rng, (n_in, self.rank), n_in, dtype)
        B = frozen(rng, (self.rank, n_out), self.rank, dtype)
        return wrap(view, self.targets, lambda layer: VeRALinear(layer, A, B, self.d_initial))


def frozen(rng, shape, fan_in, dtype):
    """Kaiming's uniform numbers, U(±√(6/fan_in)), as PEFT draws them; they never learn."""
    bound = math.sqrt(6 / fan_in)
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype), trainable=False)
