"""What a layer reads on calibration text: all that rounding which looks at the data needs.

    H = Σ x xᵀ over tokens          ‖x(W − Ŵ)‖² summed over them = Σ over outputs of d H dᵀ

with d a row of Wᵀ − Ŵᵀ: the loss of a rounding is known from H alone, without the text.
Shapes: x (N, in), H (in, in), Wᵀ (out, in).
"""

from dataclasses import dataclass

import numpy as np

from ..nn.linear import LinearLike, rows
from ..nn.module import Wrapper


@dataclass
class Inputs:
    """Sums over the tokens that a layer read: `hessian` is H, `size` Σ|x| (in,)."""

    hessian: np.ndarray
    size: np.ndarray
    count: int = 0

    def add(self, x):
        self.hessian += x.T @ x
        self.size += np.abs(x).sum(axis=0)
        self.count += len(x)

    def loss(self, Wt, rounded):
        """Mean over tokens of ‖x(W − Ŵ)‖², for Wᵀ (out, in) and its rounding."""
        d = Wt - rounded.dequantize()
        return float(((d @ self.hessian) * d).sum()) / max(self.count, 1)


class Tap(Wrapper, LinearLike):
    """A layer that adds what it reads to `inputs` and answers as its base does."""

    def __init__(self, base, inputs):
        self.base, self.inputs = base, inputs

    def forward(self, x, *, rng=None):
        self.inputs.add(rows(x))
        return self.base.forward(x, rng=rng)

    def backward(self, dy, cache, *, below_trains=True):
        return self.base.backward(dy, cache, below_trains=below_trains)


def calibrate(model, batches):
    """{name: Inputs} of every linear layer of `model`, for the tokens of all the batches."""
    view, found = model.view(), {}
    for name, layer in view.linears():
        n, dtype = layer.in_features, layer.dtype
        found[name] = Inputs(np.zeros((n, n), dtype), np.zeros(n, dtype))
        view.replace(name, Tap(layer, found[name]))
    for batch in batches:
        view(batch.tokens)
    return found
