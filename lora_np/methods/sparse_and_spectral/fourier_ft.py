"""FourierFT: ΔW is a sum of few waves (Gao et al. 2024, arXiv 2405.03003, §3).

    ΔW_kj = a/(in·out) · Σ_l c_l cos 2π(v_l k/in + u_l j/out)       only the c_l learn

which is the real part of an inverse two-dimensional discrete Fourier transform of a spectrum that
is c_l at the place (v_l, u_l) and 0 elsewhere. The places are random, of a seed, and fixed.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR
from .places import first_of_permutation, spread


class FourierFTLinear(Added):
    """y = base(x) + a·Re F⁻¹[(F⁻¹x)∘c]: x goes over into waves, some are passed on, y comes back.

    c is 0 at first. Shapes: x (N, in), z (N, out), c, u and v (n,).
    """

    def __init__(self, base, numbers, scale, seed):
        super().__init__(base)
        n_in, n_out = base.in_features, base.out_features
        if numbers > n_in * n_out:
            expected = f"expected up to in·out = {n_in * n_out} numbers for a weight"
            raise ValueError(f"FourierFT: {expected} ({n_in}, {n_out}), got {numbers}")
        places = first_of_permutation(n_in * n_out, numbers, seed)  # PEFT's own
        self.u, self.v, self.scale = places // n_in, places % n_in, float(scale)
        self.c = Parameter(np.zeros(numbers, base.dtype))

    def branch(self, x):
        return self.through(x, self.v, self.u, self.out_features), x if self.learns() else None

    def branch_backward(self, dz, x, below_trains):
        if x is not None:
            X, D = waves(x)[:, self.v], waves(dz)[:, self.u]  # (N, n)
            size = self.in_features * self.out_features
            self.c.accumulate(np.einsum("nl,nl->l", X, D).real * (self.scale / size))
        if below_trains:
            return self.through(dz, self.u, self.v, self.in_features)  # undoes xΔW: dz ΔWᵀ

    def through(self, x, frequencies, onto, n):
        """xΔW from v onto u, and dz ΔWᵀ from u onto v: a wave's transpose is a wave. (N, n)"""
        Z = spread(waves(x)[:, frequencies] * self.c.data, onto, n)
        return np.fft.ifft(Z).real.astype(x.dtype) * (self.scale / x.shape[-1])


def waves(x):
    """Σ_k x_k e^(2πi vk/n) for each frequency v. Shapes: x (N, n), the result too."""
    return np.fft.ifft(x, norm="forward")


@dataclass(frozen=True)
class FourierFT(OnLayers):
    """`numbers` waves for each of `targets`, whatever its size; `scale` is a."""

    numbers: int = 1000
    scale: float = 150.0
    seed: int = 777
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer, limits = "fourierft", 2e-2, FourierFTLinear, {"seed": 0}

    def around(self, layer, rng):
        return FourierFTLinear(layer, self.numbers, self.scale, self.seed)
