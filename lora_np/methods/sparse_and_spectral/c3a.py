"""C3A: ΔW is made of circulant blocks (Chen et al. 2024, arXiv 2407.19342, §3).

    ΔW = 1/in · [C(w_mn)],   C(w)_kj = w_((k − j) mod b)        one row gives a block of b·b

A product with a circulant matrix is a circular correlation, which is a product of Fourier
transforms (Cooley & Tukey's, in b log b steps): F(y) = F(x)∘conj F(w).
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class C3ALinear(Added):
    """y = base(x) + xΔW, by transforms of each block, and ΔW unformed. w is 0 at first.

    Shapes: x (N, in), z (N, out), w (out/b, in/b, b); transforms by frequency f = 0 … b/2: X
    (f, N, in/b), Z and D (f, N, out/b), V (f, in/b, out/b).
    """

    def __init__(self, base, block):
        super().__init__(base)
        n_in, n_out = base.in_features, base.out_features
        if n_in % block or n_out % block:
            expected = f"expected a block that divides in = {n_in} and out = {n_out}"
            raise ValueError(f"C3A: {expected}, got {block}")
        self.w = Parameter(np.zeros((n_out // block, n_in // block, block), base.dtype))

    def branch(self, x):
        X, V = self.blocks(x), np.fft.rfft(self.w.data).transpose(2, 1, 0)
        return self.whole(X @ V.conj()), X if self.learns() else None  # a correlation

    def branch_backward(self, dz, X, below_trains):
        D, V = self.blocks(dz), np.fft.rfft(self.w.data).transpose(2, 1, 0)
        if X is not None:
            dV = D.conj().transpose(0, 2, 1) @ X  # undoes X V̄: again a correlation
            dw = np.fft.irfft(dV.transpose(1, 2, 0), self.w.shape[2]) / self.in_features
            self.w.accumulate(dw.astype(self.w.dtype))
        if below_trains:
            return self.whole(D @ V.transpose(0, 2, 1))  # undoes X V̄: a convolution, with V itself

    def blocks(self, x):
        """The transform of each block: (N, blocks·b) as (f, N, blocks)."""
        return np.fft.rfft(x.reshape(len(x), -1, self.w.shape[2])).transpose(2, 0, 1)

    def whole(self, Z):
        """(f, N, blocks) back as (N, blocks·b), over `in`."""
        z = np.fft.irfft(Z.transpose(1, 2, 0), self.w.shape[2]) / self.in_features
        return z.reshape(len(z), -1).astype(self.dtype)


@dataclass(frozen=True)
class C3A(OnLayers):
    """Circulant blocks of `block` on `targets`: in·out/block numbers a layer."""

    block: int = 32
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "c3a", 6e-1, C3ALinear

    def around(self, layer, rng):
        return C3ALinear(layer, self.block)
