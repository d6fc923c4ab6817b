"""The network: forward above backward, nothing hidden."""

from .attention import Attention, KeyValueCache
from .block import MLP, Block
from .gpt import GPT, GPTConfig, Head
from .layers import Embedding, LayerNorm, Linear
from .module import Module, Parameter

__all__ = [
    "GPT", "MLP", "Attention", "Block", "Embedding", "GPTConfig", "Head", "KeyValueCache",
    "LayerNorm", "Linear", "Module", "Parameter",
]  # fmt: skip
