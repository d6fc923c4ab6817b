"""LoRA and QLoRA from scratch in plain NumPy."""

from .gradcheck import check_gradients
from .methods import LoRA, LoRALinear, QLoRA, merge
from .nn import Linear, Module, Parameter
from .optim import SGD, AdamW
from .quant import NF4Linear, quantize_nf4

__version__ = "0.1.0"
__all__ = [
    "SGD", "AdamW", "Linear", "LoRA", "LoRALinear", "Module", "NF4Linear", "Parameter", "QLoRA",
    "check_gradients", "merge", "quantize_nf4",
]  # fmt: skip
