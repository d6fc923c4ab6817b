"""LoRA and QLoRA from scratch in plain NumPy.

Importing this loads the network alone; the other names come when they are first used, so that
`import lora_np` takes little longer than `import numpy`.
"""

import importlib

from .generate import generate  # at once: a module of the same name would hide the function
from .nn import GPT, GPTConfig, Linear, Module, Parameter

__version__ = "0.1.0"
_PLACES = {  # where the other names live
    "checkpoint": ("load_adapter", "load_gpt2", "save_adapter", "save_gpt2"),
    "gradcheck": ("check_gradients",),
    "methods": (
        "IA3",
        "BitFit",
        "BottleneckAdapters",
        "DoRA",
        "FullFineTuning",
        "HeadTuning",
        "LoRA",
        "LoRALinear",
        "PrefixTuning",
        "PromptTuning",
        "QLoRA",
        "merge",
    ),
    "objectives": ("cross_entropy",),
    "optim": ("SGD", "AdamW"),
    "quant": ("NF4Linear", "quantize_nf4"),
    "tasks": ("Batch", "classification", "next_token"),
}
_PLACE = {name: place for place, names in _PLACES.items() for name in names}
__all__ = ["GPT", "GPTConfig", "Linear", "Module", "Parameter", "generate", *_PLACE]


def __getattr__(name):
    """A name of `_PLACES`, or one of the modules there, when it is first asked for (PEP 562)."""
    if name in _PLACES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _PLACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_PLACE[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__():
    return sorted({*globals(), *_PLACES, *__all__})
