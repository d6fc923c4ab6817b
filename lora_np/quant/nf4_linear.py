"""NF4Linear: a frozen Linear whose weight is held in 4 bits."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from ..nn.linear import Linear, LinearLike, rows
from ..nn.module import Parameter
from .nf4 import NF4Tensor, quantize_nf4


class NF4Linear(LinearLike):
    """y = xŴ + b, with Ŵ dequantized anew in each pass (Dettmers et al. 2023, §3, eq. 5).

    No dense Ŵ outlives a call; products are in x's dtype, float32 or float64. The weight never
    learns and is no Parameter. `dtype` is what LoRA's factors start in and `merge()` gives.
    The tensor holds Wᵀ, so that a block runs along one output's inputs, as in bitsandbytes.
    Shapes: quantized (out, in), b (out,), x (..., in), y (..., out).
    """

    def __init__(
        self, quantized: NF4Tensor, bias: np.ndarray | Parameter | None = None,
        dtype: DTypeLike = np.float32,
    ):  # fmt: skip
        if not isinstance(quantized, NF4Tensor) or len(quantized.shape) != 2:
            raise ValueError(f"NF4Linear: expected an NF4Tensor (out, in), got {quantized!r}")
        self.quantized, self.dtype = quantized, np.dtype(dtype)
        self.bias = self._own_bias(bias, trainable=False)

    @classmethod
    def from_linear(
        cls, linear: Linear, block_size: int = 64, double_quant: bool = False
    ) -> "NF4Linear":
        """`linear` with its weight rounded to NF4; the bias is shared, and frozen here."""
        if not isinstance(linear, Linear):
            advice = "merge() makes one, and rounding what it learnt to 4 bits may erase it"
            raise ValueError(f"NF4Linear: expected a Linear, got {type(linear).__name__}; {advice}")
        quantized = quantize_nf4(linear.weight.data.T, block_size, double_quant)
        bias = None if linear.bias is None else Parameter(linear.bias.data, trainable=False)
        return cls(quantized, bias, linear.dtype)

    in_features = property(lambda self: self.quantized.shape[1])
    out_features = property(lambda self: self.quantized.shape[0])
    dtype: Any = None  # each layer's own, where LinearLike asks its base

    def set_dtype(self, dtype):
        self.dtype = dtype

    def forward(self, x, *, rng=None):
        self._check(x)
        if x.dtype not in (np.float32, np.float64):
            raise ValueError(f"NF4Linear: expected x in float32 or float64, got {x.dtype}")
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
