"""Into and out of the field's own files: GPT-2 and Llama, adapters from PEFT and others."""

from ..tokenizers.bpe import Tokenizer
from .adapter import load_adapter, save_adapter
from .gpt2 import load_gpt2, save_gpt2
from .llama import load_llama, save_llama
from .model import load_base, load_model, save_model, smollm2_path
from .tokenizer import load_tokenizer

__all__ = [
    "Tokenizer", "load_adapter", "load_base", "load_gpt2", "load_llama", "load_model",
    "load_tokenizer", "save_adapter", "save_gpt2", "save_llama", "save_model", "smollm2_path",
]  # fmt: skip
