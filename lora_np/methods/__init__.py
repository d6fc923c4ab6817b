"""What moves: one file per way of choosing the numbers that learn."""

from .common import merge
from .lora import LoRA, LoRALinear, lora_plus_groups
from .qlora import QLoRA

__all__ = ["LoRA", "LoRALinear", "QLoRA", "lora_plus_groups", "merge"]
