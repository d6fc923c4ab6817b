"""LoHa: the Hadamard product of two low-rank matrices, of rank up to r² (2108.06098, FedPara).

    ΔW = s·(A₁B₁) ∘ (A₂B₂),   s = α/r        (Hyeon-Woo et al. 2022, §2.1)

Such a product is again two factors: column (j, k) of P is a column of A₁ times one of A₂, number by
number, and row (j, k) of Q a row of B₁ times one of B₂. So ΔW = s·PQ is never formed.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Factored, give, kaiming
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class LoHaLinear(Factored):
    """y = base(x) + x·s·(A₁B₁ ∘ A₂B₂); A₂ starts at zero, so y as base(x).

    Shapes: A1 and A2 (in, r), B1 and B2 (r, out), P (in, r²), Q (r², out).
    """

    def __init__(self, base, rank, alpha, rng):
        super().__init__(base)
        n_in, n_out, dtype = base.in_features, base.out_features, base.dtype
        self.scale = float(alpha / rank)
        self.A1 = kaiming(rng, (n_in, rank), n_in, dtype)
        self.B1 = kaiming(rng, (rank, n_out), rank, dtype)
        self.A2 = Parameter(np.zeros((n_in, rank), dtype))
        self.B2 = kaiming(rng, (rank, n_out), rank, dtype)

    def factors(self):
        P = self.A1.data[:, :, None] * self.A2.data[:, None, :]  # (in, r, r)
        Q = self.scale * self.B1.data[:, None, :] * self.B2.data[None, :, :]  # (r, r, out)
        return P.reshape(len(P), -1), Q.reshape(-1, self.out_features)

    def factors_backward(self, dP, dQ):
        r = self.A1.shape[1]
        dP, dQ = dP.reshape(-1, r, r), self.scale * dQ.reshape(r, r, -1)
        give(self.A1, np.einsum("ijk,ik->ij", dP, self.A2.data))  # undoes A₁ times A₂
        give(self.A2, np.einsum("ijk,ij->ik", dP, self.A1.data))
        give(self.B1, np.einsum("jko,ko->jo", dQ, self.B2.data))  # undoes B₁ times B₂
        give(self.B2, np.einsum("jko,jo->ko", dQ, self.B1.data))


@dataclass(frozen=True)
class LoHa(OnLayers):
    """LoHa on `targets`: twice LoRA's numbers at the same rank."""

    rank: int = 4
    alpha: float = 8.0
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "loha", 3e-2, LoHaLinear

    def around(self, layer, rng):
        return LoHaLinear(layer, self.rank, self.alpha, rng)
