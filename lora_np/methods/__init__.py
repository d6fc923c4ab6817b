"""What moves: one file per way of choosing the numbers that learn."""

from .adapters import BottleneckAdapters
from .bitfit import BitFit
from .common import merge
from .dora import DoRA, DoRALinear
from .features import extract_features
from .full import FullFineTuning
from .head import HeadTuning
from .ia3 import IA3
from .lora import LoRA, LoRALinear, lora_plus_groups
from .prefix import PrefixTuning
from .prompt import PromptTuning
from .qlora import QLoRA, quantize_base

__all__ = [
    "IA3",
    "BitFit",
    "BottleneckAdapters",
    "DoRA",
    "DoRALinear",
    "FullFineTuning",
    "HeadTuning",
    "LoRA",
    "LoRALinear",
    "PrefixTuning",
    "PromptTuning",
    "QLoRA",
    "extract_features",
    "lora_plus_groups",
    "merge",
    "quantize_base",
]
