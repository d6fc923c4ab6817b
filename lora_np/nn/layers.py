"""Linear (y = xW + b, W (in, out), the document's orientation), Embedding and LayerNorm."""

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

    def constants(self):
        """What backward treats as constant though it depends on what learns, as options of forward.

        Nothing, for most. With these given, every gradient is exactly a derivative.
        """
        return {}

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

    def backward(self, dy, cache, *, below_trains=True):
        """dx, or None where nothing below needs it."""
        if self.bias is not None and self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b: every row added the same b
        if self.weight.trainable:
            x = cache
            self.weight.accumulate(rows(x).T @ rows(dy))  # undoes xW: dW = xᵀ dy
        if not below_trains:
            return None
        dx = rows(dy) @ self.weight.data.T  # undoes xW: dx = dy Wᵀ
        return dx.reshape(*dy.shape[:-1], self.in_features)

    def effective_weight(self):
        return self.weight.data

    def effective_bias(self):
        return None if self.bias is None else self.bias.data


class Embedding(Module):
    """y = W[ids]: row `id` of the table for every id.

    Shapes: ids (...) whole numbers, W (n, d), y (..., d).
    Raises: ValueError for ids that are not whole numbers from 0 to n − 1.
    """

    def __init__(self, weight):
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Embedding: expected a weight (n, d), got {self.weight.shape}")

    def forward(self, ids, *, rng=None):
        n = self.weight.shape[0]
        if not isinstance(ids, np.ndarray) or ids.dtype.kind not in "iu":
            raise ValueError(f"Embedding: expected an integer array, got {_describe(ids)}")
        if ids.size and not 0 <= ids.min() <= ids.max() < n:
            raise ValueError(
                f"Embedding: expected ids from 0 to {n - 1}, got {ids.min()} to {ids.max()}"
            )
        return self.weight.data[ids], ids

    def backward(self, dy, cache):
        """Undoes y = W[ids]: every use of a row adds its dy to that row. Whole numbers have no dx.

        Equal ids are brought together by sorting and summed in one go.
        """
        ids = cache.reshape(-1)
        if self.weight.trainable and ids.size:
            order = np.argsort(ids, kind="stable")
            used, starts = np.unique(ids[order], return_index=True)
            dW = np.zeros_like(self.weight.data)
            dW[used] = np.add.reduceat(rows(dy)[order], starts, axis=0)
            self.weight.accumulate(dW)


class LayerNorm(Module):
    """y = x̂·g + b, x̂ = (x − mean)/√(var + ε) over the last axis (Ba et al. 2016, §3, eq. 4).

    The variance is the biased one. g is called `weight`, as in GPT-2.
    Shapes: x and y (..., d), g (d,), b (d,).
    """

    def __init__(self, weight, bias, eps=1e-5):
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        self.bias = bias if isinstance(bias, Parameter) else Parameter(bias)
        if len(self.weight.shape) != 1 or self.bias.shape != self.weight.shape:
            got = f"{self.weight.shape} and {self.bias.shape}"
            raise ValueError(f"LayerNorm: expected a weight and a bias (d,), got {got}")
        self.eps = float(eps)  # a NumPy float64 would turn float32 into float64

    def forward(self, x, *, rng=None):
        d = x.shape[-1]
        xhat = x - x.sum(axis=-1, keepdims=True) / d  # at this size, mean() takes twice as long
        var = np.einsum("...i,...i->...", xhat, xhat)[..., None] / d
        rstd = 1 / np.sqrt(var + self.eps)  # (..., 1)
        xhat *= rstd
        y = xhat * self.weight.data
        y += self.bias.data
        return y, (xhat, rstd)

    def backward(self, dy, cache):
        xhat, rstd = cache
        if self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b
        if self.weight.trainable:
            self.weight.accumulate(np.einsum("ni,ni->i", rows(dy), rows(xhat)))  # undoes x̂·g
        dx = dy * self.weight.data  # undoes x̂·g: this is dx̂
        # Undoes x̂ = (x − mean)/std. x also moved the mean and the variance, so dx̂'s share along
        # 1 and along x̂ is taken out: dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂)) / std
        along = np.einsum("...i,...i->...", dx, xhat)[..., None] / dx.shape[-1]
        dx -= dx.sum(axis=-1, keepdims=True) / dx.shape[-1]
        dx -= xhat * along
        dx *= rstd
        return dx


def _describe(x):
    return f"{x.dtype} {x.shape}" if isinstance(x, np.ndarray) else type(x).__name__
