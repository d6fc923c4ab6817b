"""Into and out of the field's own files: GPT-2 from Hugging Face."""

from .base import load_base
from .gpt2 import load_gpt2, save_gpt2

__all__ = ["load_base", "load_gpt2", "save_gpt2"]
