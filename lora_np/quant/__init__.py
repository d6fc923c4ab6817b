"""Four bits a weight: NF4, its doubly quantized scales, and the frozen layer that holds it."""

from .linear import NF4Linear
from .nf4 import CODEBOOK, NF4Tensor, quantize_nf4

__all__ = ["CODEBOOK", "NF4Linear", "NF4Tensor", "quantize_nf4"]
