"""VB-LoRA: every layer's factors are put together from one bank of vectors (2405.15179).

    a piece of A or B = Σ_k wₖ·bank[iₖ],   i the top-k of its logits, w = softmax of those k

All layers share the bank, which learns (Li et al. 2024, eq. 2 to 4).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ...nn.functional import softmax_backward, softmax_forward
from ...nn.module import Module, Parameter
from ..added import Factored, give
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR, matching_linears


class VBLoRALinear(Factored):
    """y = base(x) + (xA)B, with A and B of the bank's vectors; so ΔW starts small, not at zero.

    Shapes: bank (h, b), logits_A (r, in/b, h), logits_B (out/b, r, h).
    """

    def __init__(self, base, rank, top, bank, rng):
        super().__init__(base)
        (h, b), self.bank, self.top = bank.shape, bank, top
        if base.in_features % b or base.out_features % b:
            shape = base.in_features, base.out_features
            raise ValueError(f"VBLoRA: expected a length that divides both of {shape}, got {b}")
        shapes = (rank, base.in_features // b, h), (base.out_features // b, rank, h)
        drawn = ((0.1 * rng.standard_normal(shape)).astype(base.dtype) for shape in shapes)
        self.logits_A, self.logits_B = map(Parameter, drawn)

    def factors(self):
        A, B = self.mixed(self.logits_A)[0], self.mixed(self.logits_B)[0]
        return A.reshape(len(A), -1).T, B.swapaxes(0, 1).reshape(B.shape[1], -1)

    def factors_backward(self, dP, dQ):
        r, b = len(dQ), self.bank.shape[1]
        self.mixed_backward(dP.T.reshape(r, -1, b), self.logits_A)
        self.mixed_backward(dQ.reshape(r, -1, b).swapaxes(0, 1), self.logits_B)

    def mixed(self, logits):
        """(Σ w·bank[i], i, w) for each piece: (…, b), (…, k), (…, k)."""
        chosen = np.argpartition(logits.data, -self.top, axis=-1)[..., -self.top :]
        w, _ = softmax_forward(np.take_along_axis(logits.data, chosen, axis=-1))
        return np.einsum("...k,...kb->...b", w, self.bank.data[chosen]), chosen, w

    def mixed_backward(self, dmix, logits):
        _, chosen, w = self.mixed(logits)
        dbank = np.zeros_like(self.bank.data)
        np.add.at(dbank, chosen, w[..., None] * dmix[..., None, :])  # undoes w·bank[i]
        give(self.bank, dbank)
        dw = np.einsum("...b,...kb->...k", dmix, self.bank.data[chosen])  # undoes w·bank[i]
        dlogits = np.zeros_like(logits.data)  # those that are not chosen change nothing
        np.put_along_axis(dlogits, chosen, softmax_backward(dw, w), axis=-1)  # undoes softmax
        give(logits, dlogits)


@dataclass(frozen=True)
class VBLoRA(OnLayers):
    """VB-LoRA on `targets`: a bank of `vectors`, each `length` long; None: the longest that divides
    every layer's in and out."""

    rank: int = 4
    vectors: int = 256
    length: int | None = None
    top: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "vblora", 2e-2, VBLoRALinear

    def __post_init__(self):
        super().__post_init__()
        if self.top > self.vectors:
            raise ValueError(f"VBLoRA: expected top up to {self.vectors} vectors, got {self.top}")

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        if self.length is not None:
            return super().apply(model, rng)
        layers = matching_linears(model, self.targets).values()
        sizes = [size for each in layers for size in (each.in_features, each.out_features)]
        return replace(self, length=math.gcd(*sizes)).apply(model, rng)

    def common(self, layers, rng):
        start = rng.uniform(-0.02, 0.02, (self.vectors, self.length))
        return [Parameter(start.astype(layers[0].dtype))]

    def around(self, layer, rng, bank):
        return VBLoRALinear(layer, self.rank, self.top, bank, rng)
