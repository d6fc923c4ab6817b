"""LoRA and QLoRA from scratch in plain NumPy."""

from .gradcheck import check_gradients
from .methods import LoRA, LoRALinear, merge
from .nn import Linear, Module, Parameter
from .optim import SGD, AdamW

__version__ = "0.1.0"
__all__ = [
    "SGD", "AdamW", "Linear", "LoRA", "LoRALinear", "Module", "Parameter",
    "check_gradients", "merge",
]  # fmt: skip
