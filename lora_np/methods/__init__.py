"""What moves: one file per way of choosing the numbers that learn."""

from .common import merge
from .full import FullFineTuning
from .head import HeadTuning
from .lora import LoRA, LoRALinear, lora_plus_groups
from .qlora import QLoRA

__all__ = [
    "FullFineTuning", "HeadTuning", "LoRA", "LoRALinear", "QLoRA", "lora_plus_groups", "merge",
]  # fmt: skip
