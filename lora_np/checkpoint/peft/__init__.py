"""Adapters in PEFT's files, one form a method; `adapter` reads and writes them."""

from .adapter import load_adapter, save_adapter
from .forms import arrays

__all__ = ["arrays", "load_adapter", "save_adapter"]
