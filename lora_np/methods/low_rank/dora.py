"""DoRA: learn a weight's direction by LoRA and its length apart (Liu et al. 2024, 2402.09353).

    W' = m ∘ V/‖V‖,   V = W + s·AB        one length m_j and one norm for each output unit j

The norm is a column's, as W is (in, out) here; PEFT and the paper's code take it over rows of
(out, in), which is the same. Backward holds ‖V‖ constant (§4.3, "cost of training"), so its
gradients are not those of the full formula.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.functional import dropout_backward, dropout_forward
from ...nn.linear import rows
from ...nn.module import Parameter
from ..added import give_weight
from .lora import LoRA
from .lora_linear import LoRALinear


class DoRALinear(LoRALinear):
    """y = x W' + b with W' = c ∘ (W + s·AB) and c = m/‖V‖ (Liu et al. 2024, §4.1, eq. 5).

    It is computed as base(x) + (c∘z − x̃W), z = x̃W + s·(x̃A)B = x̃V, so dropout (x̃ for x) touches
    only what the adapter adds, as in PEFT. m starts as ‖W‖, and y as base(x).
    Shapes: as LoRALinear; m, c and the norm (out,).
    """

    def __init__(self, base, rank, alpha, rng, **options):
        super().__init__(base, rank, alpha, rng, **options)
        if self.B_bias is not None:
            raise ValueError("DoRA: its adapter has no bias, as in PEFT")
        norm = self.norm()
        if not norm.all():
            zero = np.flatnonzero(norm == 0)[:5].tolist()
            raise ValueError(f"DoRA: the weights of output units {zero} are zero: no direction")
        self.m = Parameter(norm)

    def direction(self):
        """V = W + s·AB, dense: DoRA cannot do without it, for the norm  (in, out)"""
        return super().effective_weight()

    def norm(self):
        """‖V‖, one number an output unit  (out,)"""
        V = self.direction()
        return np.sqrt(np.einsum("ij,ij->j", V, V))

    def constants(self):
        return {"norm": self.norm()}

    def forward(self, x, *, rng=None, norm=None):
        """`norm` stands in for ‖V‖, to vary the factors without it."""
        self._check(x)
        y, base_cache = self.base.forward(x)  # xW + b
        norm = self.norm() if norm is None else norm
        c = self.m.data / norm  # (out,)
        xd, mask = dropout_forward(x, self.dropout, rng)
        if mask is None:
            bias = self.base.effective_bias()
            xW = rows(y) if bias is None else rows(y) - bias
        else:
            xW = rows(xd) @ self.base.effective_weight()
        u = rows(xd) @ self.A.data  # (N, r)
        z = xW + (self.scale * u) @ self.B.data  # (N, out)
        y += (c * z - xW).reshape(y.shape)
        kept = xd if self.A.trainable or self.base.trains() else None
        return y, (base_cache, kept, mask, u, z, c, norm)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, xd, mask, u, z, c, norm = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        dy = rows(dy)
        if self.m.trainable:
            self.m.accumulate(np.einsum("nj,nj->j", dy, z) / norm)  # undoes c∘z with c = m/‖V‖
        dz = c * dy  # undoes c∘z; ‖V‖ held constant
        du = self.scale * (dz @ self.B.data.T)  # undoes s·uB
        if self.B.trainable:
            self.B.accumulate((self.scale * u).T @ dz)  # undoes s·uB
        if self.A.trainable:
            self.A.accumulate(rows(xd).T @ du)  # undoes x̃A
        dxW = dz - dy  # x̃W went into z, and was taken off
        if xd is not None:
            give_weight(self.base, rows(xd).T @ dxW)  # undoes x̃W
        if not below_trains:
            return None
        dxd = dxW @ self.base.effective_weight().T + du @ self.A.data.T  # undoes x̃W and x̃A
        dx += dropout_backward(dxd.reshape(dx.shape), mask)
        return dx

    def effective_weight(self):
        """W' = m ∘ V/‖V‖  (in, out)"""
        return self.direction() * (self.m.data / self.norm())


@dataclass(frozen=True)
class DoRA(LoRA):
    """DoRA on `targets`: LoRA's settings, and `out` more numbers a layer for the lengths."""

    name, layer = "dora", DoRALinear
