"""Few bits a weight: NF4 and the other formats, rounding, and the layer that holds one."""

from .format import Format, QuantizedTensor
from .formats import FORMATS
from .nf4 import CODEBOOK, NF4, NF4Tensor, quantize_nf4
from .quantized_linear import NF4Linear, QuantizedLinear

__all__ = [
    "CODEBOOK", "FORMATS", "NF4", "Format", "NF4Linear", "NF4Tensor", "QuantizedLinear",
    "QuantizedTensor", "quantize_nf4",
]  # fmt: skip
