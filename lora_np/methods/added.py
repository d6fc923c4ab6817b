"""What stands beside a frozen layer: y = base(x) + x·ΔW, whatever numbers ΔW is made of.

`Added` leaves x·ΔW to its kinds; `Factored` has it of two factors.
"""

import math

import numpy as np

from ..nn.linear import LinearLike, rows
from ..nn.module import Parameter, Wrapper


class Added(Wrapper, LinearLike):
    """y = base(x) + branch(x), and branch(x) = x·ΔW for a ΔW that is zero, or nearly, at first.

    A kind writes `branch(x) -> (z, cache)` and below it `branch_backward(dz, cache, below_trains)
    -> dx`. Shapes: x (N, in) there, z (N, out), y (..., out).
    """

    def __init__(self, base):
        self.base = base.freeze()

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x)  # (..., out)
        z, cache = self.branch(rows(x))
        y += z.reshape(y.shape)
        return y, (base_cache, cache)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, cache = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        dz = self.branch_backward(rows(dy), cache, below_trains)  # undoes + z
        if not below_trains:
            return None
        dx += dz.reshape(dx.shape)  # x was used twice, so its gradients add
        return dx

    def effective_weight(self):
        """W' = W + ΔW, and ΔW is what the branch makes of the identity  (in, out)"""
        return (
            self.base.effective_weight()
            + self.branch(np.eye(self.in_features, dtype=self.dtype))[0]
        )

    def learns(self):
        """Whether a number of its own learns: else no input needs to be kept."""
        return any(isinstance(p, Parameter) and p.trainable for p in vars(self).values())


class Factored(Added):
    """branch(x) = (xP)Q: ΔW = PQ is never formed, and its rank is at most k.

    A kind writes `factors() -> (P, Q)`, P (in, k) and Q (k, out), from what learns, and below it
    `factors_backward(dP, dQ)`. Backward makes them anew: that is cheaper than to keep them.
    `moves` says which of the two learns; the other's gradient comes as None.
    """

    moves = True, True

    def branch(self, x):
        P, Q = self.factors()
        u, (P_moves, Q_moves) = x @ P, self.moves  # (N, k)
        kept = (x if P_moves else None, u if Q_moves else None) if self.learns() else None
        return u @ Q, kept

    def branch_backward(self, dz, cache, below_trains):
        P, Q = self.factors()
        du = dz @ Q.T  # undoes uQ
        if cache is not None:
            x, u = cache
            dP, dQ = None if x is None else x.T @ du, None if u is None else u.T @ dz
            self.factors_backward(dP, dQ)  # undoes xP and uQ
        return du @ P.T if below_trains else None  # undoes xP


def give(parameter, gradient):
    """Add the gradient to a parameter that learns; a frozen one gets none."""
    if parameter.trainable:
        parameter.accumulate(gradient)


def give_weight(layer, dW):
    """Add the gradient of `layer`'s effective weight to what learns in it, and none to its bias.

    W + b is the layer of the identity, and b that of a zero row, whose gradient takes it off again.
    """
    if layer.trains():
        x = np.eye(len(dW) + 1, len(dW), dtype=dW.dtype)  # (in + 1, in)
        dy = np.vstack([dW, -dW.sum(axis=0)])
        layer.backward(dy, layer.forward(x)[1], below_trains=False)


def kaiming(rng, shape, fan_in, dtype):
    """U(±1/√fan_in), which is Kaiming's uniform start with a = √5: how PEFT starts most factors."""
    bound = 1 / math.sqrt(fan_in)
    return Parameter(rng.uniform(-bound, bound, shape).astype(dtype))
