"""LoRA and QLoRA from scratch in plain NumPy."""

from .generate import generate
from .gradcheck import check_gradients
from .methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    FullFineTuning,
    HeadTuning,
    LoRA,
    LoRALinear,
    PrefixTuning,
    PromptTuning,
    QLoRA,
    merge,
)
from .nn import GPT, GPTConfig, Linear, Module, Parameter
from .objectives import cross_entropy
from .optim import SGD, AdamW
from .quant import NF4Linear, quantize_nf4
from .tasks import Batch, classification, next_token

__version__ = "0.1.0"
__all__ = [
    "GPT",
    "IA3",
    "SGD",
    "AdamW",
    "Batch",
    "BitFit",
    "BottleneckAdapters",
    "FullFineTuning",
    "GPTConfig",
    "HeadTuning",
    "Linear",
    "LoRA",
    "LoRALinear",
    "Module",
    "NF4Linear",
    "Parameter",
    "PrefixTuning",
    "PromptTuning",
    "QLoRA",
    "check_gradients",
    "classification",
    "cross_entropy",
    "generate",
    "merge",
    "next_token",
    "quantize_nf4",
]
