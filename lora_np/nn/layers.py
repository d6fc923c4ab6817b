"""Linear, in the document's orientation: y = xW + b, W (in, out)."""

import numpy as np

from .module import Module, Parameter


def rows(x):
    """Flatten the leading dimensions: (..., n) -> (N, n), one row a token. No copy where possible.

    One flat matrix product is about twice as fast as NumPy's batched `@` at small widths, and a
    weight's gradient is one product over all rows.
    """
    return x.reshape(-1, x.shape[-1])


class LinearLike(Module):
    """Whatever stands where a Linear stood: Linear, LoRALinear, NF4Linear, …

    The law they obey is layer(x) == layer.merge()(x): each acts as the dense matrix that
    `effective_weight()` returns, (in, out), and the bias that `effective_bias()` returns, (out,).
    """

    in_features = property(lambda self: self.base.in_features)
    out_features = property(lambda self: self.base.out_features)
    dtype = property(lambda self: self.base.dtype)

    def effective_weight(self):
        return self.base.effective_weight()

    def effective_bias(self):
        return self.base.effective_bias()

    def merge(self):
        """A new dense Linear that computes the same y; nothing in it is shared with this layer."""
        bias = self.effective_bias()
        return Linear(self.effective_weight().copy(), None if bias is None else bias.copy())

    def _check(self, x):
        """Raise ValueError unless x is (..., in)."""
        if not isinstance(x, np.ndarray) or x.ndim == 0 or x.shape[-1] != self.in_features:
            got = f"an array of shape {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
            raise ValueError(
                f"{type(self).__name__}: expected x of shape (..., {self.in_features}), got {got}"
            )


class Linear(LinearLike):
    """y = xW + b.

    Shapes: x (..., in), W (in, out), b (out,), y (..., out).
    Raises: ValueError for a weight that is not 2-D, a bias of another length, an x of another
    width or dtype.
    """

    def __init__(self, weight, bias=None):
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Linear: expected a weight (in, out), got {self.weight.shape}")
        self.bias = bias if bias is None or isinstance(bias, Parameter) else Parameter(bias)
        if bias is not None and self.bias.shape != (self.out_features,):
            expected = (self.out_features,)
            raise ValueError(f"Linear: expected a bias {expected}, got {self.bias.shape}")

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

    def backward(self, dy, cache):
        if self.bias is not None and self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b: every row added the same b
        if self.weight.trainable:
            x = cache
            self.weight.accumulate(rows(x).T @ rows(dy))  # undoes xW: dW = xᵀ dy
        dx = rows(dy) @ self.weight.data.T  # undoes xW: dx = dy Wᵀ
        return dx.reshape(*dy.shape[:-1], self.in_features)

    def effective_weight(self):
        return self.weight.data

    def effective_bias(self):
        return None if self.bias is None else self.bias.data
