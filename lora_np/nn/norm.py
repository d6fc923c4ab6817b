"""Normalization of each position by itself: LayerNorm, RMSNorm."""

import numpy as np

from ..system.checks import check_real
from .linear import rows
from .module import Module, Parameter


class LayerNorm(Module):
    """y = x̂·g + b, x̂ = (x − mean)/√(var + ε) over the last axis (Ba et al. 2016, §3, eq. 4).

    The variance is the biased one. Shapes: x and y (..., d), g, the `weight`, and b (d,).
    """

    def __init__(self, weight, bias, eps=1e-5):
        self.weight, self.bias = Parameter.of(weight), Parameter.of(bias)
        if len(self.weight.shape) != 1 or self.bias.shape != self.weight.shape:
            got = f"{self.weight.shape} and {self.bias.shape}"
            raise ValueError(f"LayerNorm: expected a weight and a bias (d,), got {got}")
        check_real("LayerNorm: expected eps", eps)
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


class RMSNorm(Module):
    """y = x̂·g, x̂ = x/√(mean x² + ε) over the last axis: a LayerNorm that does not centre or shift.

    (Zhang & Sennrich 2019, arXiv 1910.07467, §3, eq. 4.) Shapes: as LayerNorm.
    """

    def __init__(self, weight, eps=1e-5):
        self.weight = Parameter.of(weight)
        if len(self.weight.shape) != 1:
            raise ValueError(f"RMSNorm: expected a weight (d,), got {self.weight.shape}")
        check_real("RMSNorm: expected eps", eps)
        self.eps = float(eps)  # a NumPy float64 would turn float32 into float64

    def forward(self, x, *, rng=None):
        square = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
        rstd = 1 / np.sqrt(square + self.eps)  # (..., 1)
        xhat = x * rstd
        return xhat * self.weight.data, (xhat, rstd)

    def backward(self, dy, cache):
        xhat, rstd = cache
        if self.weight.trainable:
            self.weight.accumulate(np.einsum("ni,ni->i", rows(dy), rows(xhat)))  # undoes x̂·g
        dx = dy * self.weight.data  # undoes x̂·g: this is dx̂
        # Undoes x̂ = x/rms. x also moved the rms, so dx̂'s share along x̂ is taken out:
        # dx = (dx̂ − x̂·mean(dx̂·x̂)) / rms
        dx -= xhat * (np.einsum("...i,...i->...", dx, xhat)[..., None] / dx.shape[-1])
        dx *= rstd
        return dx
