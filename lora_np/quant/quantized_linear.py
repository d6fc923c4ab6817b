"""QuantizedLinear: a frozen Linear whose weight is held in few bits, in any format."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..nn.linear import Linear, LinearLike, rows
from ..nn.module import Parameter
from .awq import Scaled
from .format import Format, QuantizedTensor
from .nf4 import NF4Tensor, quantize_nf4


class QuantizedLinear(LinearLike):
    """y = xŴ + b, with Ŵ dequantized anew in each pass (Dettmers et al. 2023, §3, eq. 5).

    No dense Ŵ outlives a call; products are in x's dtype, float32 or float64. The weight never
    learns and is no Parameter. `dtype` is what LoRA's factors start in and `merge()` gives.
    The tensor, an NF4Tensor or whatever a Format makes, holds Wᵀ, so that a block runs along one
    output's inputs, as in bitsandbytes.
    Shapes: quantized (out, in), b (out,), x (..., in), y (..., out).
    """

    def __init__(
        self, quantized: Any, bias: np.ndarray | Parameter | None = None,
        dtype: DTypeLike = np.float32,
    ):  # fmt: skip
        self.quantized: Any = quantized
        self.dtype = np.dtype(dtype)
        if not isinstance(quantized, self.holds) or len(self.quantized.shape) != 2:
            kinds, name = " or ".join(kind.__name__ for kind in self.holds), type(self).__name__
            raise ValueError(f"{name}: expected an {kinds} (out, in), got {quantized!r}")
        self.bias = self._own_bias(bias, trainable=False)

    holds: tuple[type, ...] = (NF4Tensor, QuantizedTensor, Scaled)

    @classmethod
    def quantize(cls, linear: Linear, format: Format) -> "QuantizedLinear":
        """`linear` with its weight rounded to that format; the bias is shared, and frozen here."""
        check_linear(linear, cls.__name__)
        return cls(format.quantize(linear.weight.data.T), *rest_of(linear))

    in_features = property(lambda self: self.quantized.shape[1])
    out_features = property(lambda self: self.quantized.shape[0])
    dtype: Any = None  # each layer's own, where LinearLike asks its base

    def set_dtype(self, dtype):
        self.dtype = dtype

    def forward(self, x, *, rng=None):
        self._check(x)
        if x.dtype not in (np.float32, np.float64):
            name = type(self).__name__
            raise ValueError(f"{name}: expected x in float32 or float64, got {x.dtype}")
        y = rows(x) @ self.quantized.dequantize(x.dtype).T  # (N, out)
        if self.bias is not None:
            y += self.bias.data
        return y.reshape(*x.shape[:-1], self.out_features), None

    def recall(self, x, *, rng=None):
        return None

    def backward(self, dy, cache, *, below_trains=True):
        if self.bias is not None and self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b: every row added the same b
        if not below_trains:  # then nothing is dequantized
            return None
        dx = rows(dy) @ self.quantized.dequantize(dy.dtype)  # undoes xŴ: dx = dy Ŵᵀ
        return dx.reshape(*dy.shape[:-1], self.in_features)

    def effective_weight(self) -> np.ndarray:
        """Ŵ, the weight that training sees  (in, out)"""
        return self.quantized.dequantize(self.dtype).T

    def effective_bias(self) -> np.ndarray | None:
        return None if self.bias is None else self.bias.data

    @property
    def nbytes(self):
        return self.quantized.nbytes + (0 if self.bias is None else self.bias.nbytes)


class NF4Linear(QuantizedLinear):
    """QLoRA's base: a QuantizedLinear in bitsandbytes' 4 bits."""

    holds = (NF4Tensor,)

    @classmethod
    def from_linear(
        cls, linear: Linear, block_size: int = 64, double_quant: bool = False
    ) -> "NF4Linear":
        """`linear` with its weight rounded to NF4; the bias is shared, and frozen here."""
        check_linear(linear, cls.__name__)
        quantized = quantize_nf4(linear.weight.data.T, block_size, double_quant)
        return cls(quantized, *rest_of(linear))


def holding(tensor: Any, linear: Linear) -> QuantizedLinear:
    """`linear` with the quantized `tensor` (out, in) for its weight."""
    kind = NF4Linear if isinstance(tensor, NF4Tensor) else QuantizedLinear
    return kind(tensor, *rest_of(linear))


def check_linear(linear, name):
    if not isinstance(linear, Linear):
        advice = "merge() makes one, and rounding what it learnt to 4 bits may erase it"
        raise ValueError(f"{name}: expected a Linear, got {type(linear).__name__}; {advice}")


def rest_of(linear):
    """(a frozen Parameter on the layer's own bias or None, its dtype)"""
    bias = None if linear.bias is None else Parameter(linear.bias.data, trainable=False)
    return bias, linear.dtype
