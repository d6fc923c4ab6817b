"""The network: forward above backward, nothing hidden."""

from .attention import Attention
from .block import Block
from .embedding import Embedding, Head
from .gpt import GPT, GPTConfig
from .kv_cache import KeyValueCache
from .language_model import LanguageModel
from .linear import Linear
from .llama import Llama, LlamaConfig
from .mlp import MLP
from .module import Module, Parameter, Wrapper
from .norm import LayerNorm

__all__ = [
    "GPT", "MLP", "Attention", "Block", "Embedding", "GPTConfig", "Head", "KeyValueCache",
    "LanguageModel", "LayerNorm", "Linear", "Llama", "LlamaConfig", "Module", "Parameter",
    "Wrapper",
]  # fmt: skip
