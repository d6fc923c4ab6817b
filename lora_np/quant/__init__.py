"""Four bits a weight: NF4, its doubly quantized scales, and the frozen layer that holds it."""

from .nf4 import CODEBOOK, NF4Tensor, quantize_nf4
from .nf4_linear import NF4Linear

__all__ = ["CODEBOOK", "NF4Linear", "NF4Tensor", "quantize_nf4"]
