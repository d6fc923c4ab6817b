"""VB-LoRA: every layer's factors are put together from one bank of vectors (2405.15179).

    a piece of A or B = Σ_k wₖ·bank[iₖ],   i the top-k of its logits, w = softmax of those k

(Li et al. 2024, eq. 2 to 4.) All layers share the bank, which learns; a piece has its own logits,
one a vector of the bank, of which k matter: a file need hold k numbers a piece.
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ...nn.functional import softmax_backward, softmax_forward
from ...nn.module import Module, Parameter
from ...system.checks import check_whole
from ..added import Factored, give
from ..targets import ALL_LINEAR, begin, matching_linears, wrap


class VBLoRALinear(Factored):
    """y = base(x) + (xA)B, with A and B of the bank's vectors, none of which is zero: ΔW starts
    small, not at zero.

    Shapes: bank (h, b), logits_A (r, in/b, h), logits_B (out/b, r, h).
    """

    def __init__(self, base, rank, top, bank, rng):
        super().__init__(base)
        self.bank, self.top = bank, top
        h, b = bank.shape
        for what, size in {"in": base.in_features, "out": base.out_features}.items():
            if size % b:
                raise ValueError(f"VBLoRA: expected a length that divides {what} = {size}, got {b}")
        self.logits_A = self.drawn(rng, (rank, base.in_features // b, h))
        self.logits_B = self.drawn(rng, (base.out_features // b, rank, h))

    def drawn(self, rng, shape):
        return Parameter((0.1 * rng.standard_normal(shape)).astype(self.dtype))

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
        if self.bank.trainable:
            dbank = np.zeros_like(self.bank.data)
            np.add.at(dbank, chosen, w[..., None] * dmix[..., None, :])  # undoes w·bank[i]
            self.bank.accumulate(dbank)
        dw = np.einsum("...b,...kb->...k", dmix, self.bank.data[chosen])  # undoes w·bank[i]
        dlogits = np.zeros_like(logits.data)  # those that are not chosen change nothing
        np.put_along_axis(dlogits, chosen, softmax_backward(dw, w), axis=-1)  # undoes softmax
        give(logits, dlogits)


@dataclass(frozen=True)
class VBLoRA:
    """VB-LoRA on `targets`: a bank of `vectors`, each `length` long; None: the longest that divides
    every layer's in and out."""

    rank: int = 4
    vectors: int = 256
    length: int | None = None
    top: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate = "vblora", 1e-2

    def __post_init__(self):
        check_whole("VBLoRA: expected a rank", self.rank)
        check_whole("VBLoRA: expected vectors", self.vectors)
        check_whole("VBLoRA: expected top", self.top)
        if self.length is not None:
            check_whole("VBLoRA: expected a length None or", self.length)
        if self.top > self.vectors:
            raise ValueError(f"VBLoRA: expected top up to {self.vectors} vectors, got {self.top}")

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        layers = list(matching_linears(model, self.targets).values())
        sizes = [size for each in layers for size in (each.in_features, each.out_features)]
        length = math.gcd(*sizes) if self.length is None else self.length
        numbers = rng.uniform(-0.02, 0.02, (self.vectors, length))
        bank = Parameter(numbers.astype(layers[0].dtype))

        def made(layer):
            return VBLoRALinear(layer, self.rank, self.top, bank, rng)

        return wrap(begin(replace(self, length=length), model), self.targets, made)
