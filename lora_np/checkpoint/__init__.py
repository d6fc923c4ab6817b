"""Into and out of the field's own files: GPT-2 from Hugging Face, adapters from PEFT."""

from .base import load_base
from .gpt2 import load_gpt2, save_gpt2
from .peft import load_adapter, save_adapter

__all__ = ["load_adapter", "load_base", "load_gpt2", "save_adapter", "save_gpt2"]
