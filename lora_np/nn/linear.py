"""Linear: y = xW + b, with W (in, out), the document's orientation."""

import numpy as np

from .module import Module, Parameter


def rows(x):
    """Flatten the leading dimensions: (..., n) -> (N, n), one row a token. No copy where possible.

    One flat product is about twice as fast as NumPy's batched `@` at small widths, and a weight's
    gradient is one product over all rows.
    """
    return x.reshape(-1, x.shape[-1])


class LinearLike(Module):
    """Whatever stands where a Linear stood: Linear, LoRALinear, NF4Linear, …

    The law: layer(x) == layer.merge()(x). Each acts as the dense matrix `effective_weight()`,
    (in, out), and the bias `effective_bias()`, (out,); a wrapper's are its base's unless it says
    otherwise.
    """

    in_features = property(lambda self: self.base.in_features)
    out_features = property(lambda self: self.base.out_features)
    dtype = property(lambda self: self.base.dtype)

    def linears(self, name=""):
        yield name, self  # and not what it wraps

    def effective_weight(self) -> np.ndarray:
        return self.base.effective_weight()

    def effective_bias(self) -> np.ndarray | None:
        return self.base.effective_bias()

    def merge(self) -> "Linear":
        """A new dense Linear that computes the same y; nothing in it is shared with this layer."""
        bias = self.effective_bias()
        return Linear(self.effective_weight().copy(), None if bias is None else bias.copy())

    def constants(self):
        """Options of `forward` that fix what backward takes as constant, so gradients are exact."""
        return {}

    def _own_bias(self, bias, trainable=True):
        """`bias` as a Parameter, or None."""
        bias = None if bias is None else Parameter.of(bias, trainable)
        if bias is not None and bias.shape != (self.out_features,):
            expected, name = (self.out_features,), type(self).__name__
            raise ValueError(f"{name}: expected a bias {expected}, got {bias.shape}")
        return bias

    def _check(self, x):
        """Raise ValueError unless x is (..., in)."""
        if not isinstance(x, np.ndarray) or x.ndim == 0 or x.shape[-1] != self.in_features:
            got = f"an array of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            name, n = type(self).__name__, self.in_features
            raise ValueError(f"{name}: expected x of shape (..., {n}), got {got}")


class Linear(LinearLike):
    """y = xW + b. Shapes: x (..., in), W (in, out), b (out,), y (..., out)."""

    def __init__(self, weight: np.ndarray | Parameter, bias: np.ndarray | Parameter | None = None):
        self.weight = Parameter.of(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Linear: expected a weight (in, out), got {self.weight.shape}")
        self.bias = self._own_bias(bias)

    in_features = property(lambda self: self.weight.shape[0])
    out_features = property(lambda self: self.weight.shape[1])
    dtype = property(lambda self: self.weight.dtype)

    def forward(self, x, *, rng=None):
        self._check(x)
        if x.dtype != self.weight.dtype:
            raise ValueError(f"Linear: expected x in {self.weight.dtype}, got {x.dtype}")
        y = rows(x) @ self.weight.data  # (N, out)
        if self.bias is not None:
            y += self.bias.data
        # x is needed only for dW: a frozen weight keeps no activation. This is LoRA's saving.
        cache = x if self.weight.trainable else None
        return y.reshape(*x.shape[:-1], self.out_features), cache

    def recall(self, x, *, rng=None):
        return x if self.weight.trainable else None

    def backward(self, dy, cache, *, below_trains=True):
        if self.bias is not None and self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b: every row added the same b
        if self.weight.trainable:
            x = cache
            self.weight.accumulate(rows(x).T @ rows(dy))  # undoes xW: dW = xᵀ dy
        if not below_trains:
            return None
        dx = rows(dy) @ self.weight.data.T  # undoes xW: dx = dy Wᵀ
        return dx.reshape(*dy.shape[:-1], self.in_features)

    def effective_weight(self) -> np.ndarray:
        return self.weight.data

    def effective_bias(self) -> np.ndarray | None:
        return None if self.bias is None else self.bias.data
