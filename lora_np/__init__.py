"""LoRA and QLoRA from scratch in plain NumPy."""

from .generate import generate
from .gradcheck import check_gradients
from .methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    DoRA,
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
    "DoRA",
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
    "load_adapter",
    "load_gpt2",
    "merge",
    "next_token",
    "quantize_nf4",
    "save_adapter",
    "save_gpt2",
]


def __getattr__(name):
    """Files are read by libraries that take a third of the import: they load when first used."""
    if name in ("load_adapter", "load_gpt2", "save_adapter", "save_gpt2"):
        from . import checkpoint

        return getattr(checkpoint, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
