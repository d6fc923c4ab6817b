"""LoRA and QLoRA from scratch in plain NumPy."""

from .generate import generate
from .gradcheck import check_gradients
from .methods import FullFineTuning, HeadTuning, LoRA, LoRALinear, merge
from .nn import GPT, GPTConfig, Linear, Module, Parameter
from .objectives import cross_entropy
from .optim import SGD, AdamW
from .tasks import Batch, classification, next_token

__version__ = "0.1.0"
__all__ = [
    "GPT", "SGD", "AdamW", "Batch", "FullFineTuning", "GPTConfig", "HeadTuning", "Linear", "LoRA",
    "LoRALinear", "Module", "Parameter", "check_gradients", "classification", "cross_entropy",
    "generate", "merge", "next_token",
]  # fmt: skip
