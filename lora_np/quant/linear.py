"""NF4Linear: a frozen Linear whose weight is held in 4 bits."""

import numpy as np

from ..nn.layers import Linear, LinearLike, rows
from ..nn.module import Parameter
from .nf4 import NF4Tensor, quantize_nf4


class NF4Linear(LinearLike):
    """y = xŴ + b, with Ŵ dequantized anew in each pass (Dettmers et al. 2023, §3, eq. 5).

    Storage is 4 bits and is really saved: no dense Ŵ outlives a call. Arithmetic is simulated: it
    happens in x's dtype, float32 or float64. The weight never learns and is no Parameter; the bias
    is one, frozen, and `dtype` is what LoRA's factors start in and `merge()` gives.

    The tensor holds Wᵀ, (out, in), the other way round from all else here. So a block runs along
    one output's inputs, and the bytes are the ones bitsandbytes makes of the same layer.
    Shapes: quantized (out, in), b (out,), x (..., in), y (..., out).
    Raises: ValueError for a tensor that is not 2-D NF4, a bias of another length, an x of another
    width or that is not float32 or float64.
    """

    def __init__(self, quantized, bias=None, dtype=np.float32):
        if not isinstance(quantized, NF4Tensor) or len(quantized.shape) != 2:
            raise ValueError(f"NF4Linear: expected an NF4Tensor (out, in), got {quantized!r}")
        self.quantized, self.dtype = quantized, np.dtype(dtype)
        self.bias = bias if bias is None or isinstance(bias, Parameter) else Parameter(bias, False)
        if bias is not None and self.bias.shape != (self.out_features,):
            expected = (self.out_features,)
            raise ValueError(f"NF4Linear: expected a bias {expected}, got {self.bias.shape}")

    @classmethod
    def from_linear(cls, linear, block_size=64, double_quant=False):
        """`linear` with its weight rounded to NF4; the bias is shared, and frozen here."""
        if not isinstance(linear, Linear):
            raise ValueError(
                f"NF4Linear: expected a Linear, got {type(linear).__name__}; merge() makes one, "
                "and rounding what it learnt to 4 bits may erase it"
            )
        quantized = quantize_nf4(linear.weight.data.T, block_size, double_quant)
        bias = None if linear.bias is None else Parameter(linear.bias.data, trainable=False)
        return cls(quantized, bias, linear.dtype)

    in_features = property(lambda self: self.quantized.shape[1])
    out_features = property(lambda self: self.quantized.shape[0])
    dtype = None  # each layer's own, where LinearLike asks its base; `Module.astype` sets it

    def forward(self, x, *, rng=None):
        self._check(x)
        if x.dtype not in (np.float32, np.float64):
            raise ValueError(f"NF4Linear: expected x in float32 or float64, got {x.dtype}")
        y = rows(x) @ self.quantized.dequantize(x.dtype).T  # (N, out)
        if self.bias is not None:
            y += self.bias.data
        return y.reshape(*x.shape[:-1], self.out_features), None

    def backward(self, dy, cache, *, below_trains=True):
        """dx, or None where nothing below needs it: then nothing is dequantized."""
        if self.bias is not None and self.bias.trainable:
            self.bias.accumulate(rows(dy).sum(axis=0))  # undoes + b: every row added the same b
        if not below_trains:
            return None
        dx = rows(dy) @ self.quantized.dequantize(dy.dtype)  # undoes xŴ: dx = dy Ŵᵀ
        return dx.reshape(*dy.shape[:-1], self.in_features)

    def effective_weight(self):
        """Ŵ, the weight that training sees  (in, out)"""
        return self.quantized.dequantize(self.dtype).T

    def effective_bias(self):
        return None if self.bias is None else self.bias.data

    @property
    def nbytes(self):
        """Bytes held: codes and scales, and the bias."""
        return self.quantized.nbytes + (0 if self.bias is None else self.bias.nbytes)
