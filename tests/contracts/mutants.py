"""Layers whose maths is broken on purpose, one line each."""

import numpy as np

from lora_np.methods import DoRALinear, LoRALinear
from lora_np.nn import Linear
from lora_np.nn.linear import rows
from lora_np.quant import NF4Linear


class DropsScaleInForward(LoRALinear):
    def forward(self, x, *, rng=None):
        y, cache = super().forward(x)
        u = rows(x) @ self.A.data
        return y + ((1 - self.scale) * (u @ self.B.data)).reshape(y.shape), cache


class AlphaAloneAsScale(LoRALinear):
    """The document's α in place of α/r, in the forward pass."""

    def forward(self, x, *, rng=None):
        y, cache = super().forward(x)
        extra = self.scale * (self.A.shape[1] - 1)  # α − α/r
        return y + (extra * (rows(x) @ self.A.data @ self.B.data)).reshape(y.shape), cache


class DropsScaleInMerge(LoRALinear):
    def effective_weight(self):
        return self.base.effective_weight() + self.A.data @ self.B.data


class MergesTransposed(LoRALinear):
    """A and B swapped: (A·B)ᵀ has the right shape only where the layer is square."""

    def effective_weight(self):
        delta = (self.A.data @ self.B.data).T
        weight = self.base.effective_weight()
        return weight + self.scale * delta.reshape(weight.shape)


class SwapsFactors(LoRALinear):
    """u = xBᵀ and y = uAᵀ: PEFT's shapes taken for ours, invisible where square but for values."""

    def forward(self, x, *, rng=None):
        y, (base_cache, xd, mask, _) = super().forward(x)
        delta = self.scale * (self.A.data @ self.B.data)
        wrong = delta.T if delta.shape[0] == delta.shape[1] else -delta
        u = rows(x) @ self.A.data
        return y + (rows(x) @ (wrong - delta)).reshape(y.shape), (base_cache, xd, mask, u)


class ForgetsAdapterInDx(LoRALinear):
    def backward(self, dy, cache):
        super().backward(dy, cache)
        return self.base.backward(dy, cache[0])


class ForgetsBaseInDx(LoRALinear):
    def backward(self, dy, cache):
        return super().backward(dy, cache) - self.base.backward(dy, cache[0])


class DropsScaleInDA(LoRALinear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.A.grad /= self.scale
        return dx


class DropsScaleInDB(LoRALinear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.B.grad /= self.scale
        return dx


class ZeroesDA(LoRALinear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.A.grad *= 0
        return dx


class AssignsInsteadOfAccumulating(LoRALinear):
    def backward(self, dy, cache):
        self.A.grad = self.B.grad = None
        return super().backward(dy, cache)


class KeepsItsInputInSelf(LoRALinear):
    def forward(self, x, *, rng=None):
        self.last = super().forward(x)[1]
        return super().forward(x)

    def backward(self, dy, cache):
        return super().backward(dy, self.last)


class TrainsTheBase(LoRALinear):
    def backward(self, dy, cache):
        self.base.weight.data -= 1e-3
        return super().backward(dy, cache)


class LinearForgetsTranspose(Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        if self.in_features == self.out_features:
            return (rows(dy) @ self.weight.data).reshape(dx.shape)
        return dx


class LinearAveragesTheBatch(Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.weight.grad /= rows(dy).shape[0]
        return dx


class LinearForgetsBiasGradient(Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        if self.bias is not None:
            self.bias.grad = np.zeros_like(self.bias.data)
        return dx


class NF4ForgetsTransposeInDx(NF4Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        if self.in_features == self.out_features:
            return (rows(dy) @ self.quantized.dequantize(dy.dtype).T).reshape(dx.shape)
        return dx


class NF4TakesOutInForInOut(NF4Linear):
    """The stored (out, in) read as if it were (in, out): right shape, numbers out of place."""

    def effective_weight(self):
        right = super().effective_weight()
        return right.T.reshape(right.shape)


class NF4ForgetsBias(NF4Linear):
    def forward(self, x, *, rng=None):
        y, cache = super().forward(x)
        return y if self.bias is None else y - self.bias.data, cache


class NF4LosesACodeInDx(NF4Linear):
    """The extreme halved in backward only, so that dx belongs to another weight."""

    def backward(self, dy, cache):
        weight = self.quantized.dequantize(dy.dtype)
        weight[np.abs(weight) == np.abs(weight).max()] *= 0.5
        return (rows(dy) @ weight).reshape(*dy.shape[:-1], self.in_features)


class DoRADropsTheNormInDm(DoRALinear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.m.grad *= self.norm()
        return dx


class DoRAForgetsTheLengthInDB(DoRALinear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.B.grad /= self.m.data / self.norm()
        return dx


class DoRAScalesTheBias(DoRALinear):
    """y = c∘(xV + b): the length is the weight's, and the bias is none of it."""

    def forward(self, x, *, rng=None, norm=None):
        y, cache = super().forward(x, norm=norm)
        bias = self.base.effective_bias()
        return y + (0 if bias is None else (self.m.data / self.norm() - 1) * bias), cache


class DoRAForgetsTheNormInMerge(DoRALinear):
    def effective_weight(self):
        return self.direction() * self.m.data
