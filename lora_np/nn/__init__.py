"""The network: forward above backward, nothing hidden."""

from .attention import Attention, KeyValueCache
from .block import MLP, Block
from .gpt import GPT, GPTConfig
from .language_model import Head, LanguageModel
from .layers import Embedding, LayerNorm, Linear
from .llama import Llama, LlamaConfig
from .module import Module, Parameter

__all__ = [
    "GPT", "MLP", "Attention", "Block", "Embedding", "GPTConfig", "Head", "KeyValueCache",
    "LanguageModel", "LayerNorm", "Linear", "Llama", "LlamaConfig", "Module", "Parameter",
]  # fmt: skip
