"""What moves: one file per way of choosing the numbers that learn."""

from .common import merge
from .dora import DoRA, DoRALinear
from .full import FullFineTuning
from .head import HeadTuning
from .lora import LoRA, LoRALinear, lora_plus_groups
from .qlora import QLoRA, quantize_base

__all__ = [
    "DoRA",
    "DoRALinear",
    "FullFineTuning",
    "HeadTuning",
    "LoRA",
    "LoRALinear",
    "QLoRA",
    "lora_plus_groups",
    "merge",
    "quantize_base",
]
