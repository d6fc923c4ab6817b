"""Llama: GPT-2's plan with four newer parts (Touvron et al. 2023, arXiv 2302.13971, §2.2).

    LayerNorm → RMSNorm · learned positions → rotated queries and keys · GELU → SwiGLU ·
    a key and value for every head → one for several heads

No biases. Parameter names are Hugging Face's own, without the leading `model.`; its weights are
(out, in), and are transposed where files are read.
"""

from dataclasses import dataclass, fields

import numpy as np

from .block import Block
from .language_model import Head, LanguageModel
from .layers import Embedding, Linear
from .llama_layers import LlamaAttention, RMSNorm, SwiGLU


def also(name):
    """Another name for the attribute `name`: GPT-2's, by which shared code calls this part."""
    return property(lambda self: getattr(self, name), lambda self, new: setattr(self, name, new))


@dataclass(frozen=True)
class LlamaConfig:
    """A Llama's sizes, under Hugging Face's names, and under the GPT-2's that say the same.

    `num_key_value_heads` None is one a head, `head_dim` None is hidden_size / heads.
    Raises: ValueError for sizes below 1, heads that do not divide the width or into the key-value
    heads, an odd head_dim (it is rotated in pairs), a theta or an epsilon that is not positive.
    """

    vocab_size: int = 256
    hidden_size: int = 128
    intermediate_size: int = 384
    num_hidden_layers: int = 4
    num_attention_heads: int = 4
    num_key_value_heads: int | None = None
    head_dim: int | None = None
    max_position_embeddings: int = 128
    rms_norm_eps: float = 1e-5
    rope_theta: float = 10000.0

    n_embd, n_layer, n_head = map(also, ("hidden_size", "num_hidden_layers", "num_attention_heads"))
    n_kv_head, n_positions = also("num_key_value_heads"), also("max_position_embeddings")

    def __post_init__(self):
        for name in (field.name for field in fields(self) if field.type is not float):
            size = getattr(self, name)
            if size is None and name in ("num_key_value_heads", "head_dim"):
                continue
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(
                    f"LlamaConfig: expected {name} from 1, a whole number, got {size!r}"
                )
        H = self.num_attention_heads
        if self.num_key_value_heads is None:
            object.__setattr__(self, "num_key_value_heads", H)
        if self.head_dim is None and self.hidden_size % H == 0:
            object.__setattr__(self, "head_dim", self.hidden_size // H)
        if self.head_dim is None or self.head_dim % 2:
            raise ValueError(
                f"LlamaConfig: expected hidden_size {self.hidden_size} to divide into {H} heads "
                f"of an even width, got head_dim {self.head_dim}"
            )
        if H % self.num_key_value_heads:
            raise ValueError(
                f"LlamaConfig: {H} heads do not divide into {self.num_key_value_heads} groups"
            )
        for name in ("rms_norm_eps", "rope_theta"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"LlamaConfig: expected {name} > 0, got {getattr(self, name)!r}")


class LlamaBlock(Block):
    """A Block under Hugging Face's names: x += self_attn(norm(x)), then x += mlp(norm(x))."""

    ln_1, attn = also("input_layernorm"), also("self_attn")
    ln_2 = also("post_attention_layernorm")

    def __init__(self, input_layernorm, self_attn, post_attention_layernorm, mlp):
        self.input_layernorm, self.self_attn = input_layernorm, self_attn
        self.post_attention_layernorm, self.mlp = post_attention_layernorm, mlp


class Llama(LanguageModel):
    """A Llama-shaped language model; its head is tied to the token embedding, as in small ones.

    Starts with all matrices N(0, 0.02²); with no rng they are one 0 that cannot be written to: a
    loader puts its own in their place.
    An offset of a whole sequence turns queries and keys alike and changes nothing, so `position`
    only has to leave room in the context.
    Shapes: tokens (B, T), x (B, T, d), logits (B, T, K); K is the vocabulary, or a head's classes.
    """

    wte, h, ln_f = also("embed_tokens"), also("layers"), also("norm")
    file_prefix, lora_targets = "model.", ("q_proj", "v_proj")

    def __init__(self, config, rng, dtype=np.float32):
        self.config = config
        d, hd, inner = config.hidden_size, config.head_dim, config.intermediate_size

        def normal(*shape):
            if rng is None:
                return np.broadcast_to(np.zeros((), dtype), shape)  # takes no memory
            return rng.normal(0.0, 0.02, shape).astype(dtype)

        def linear(n_in, n_out):
            return Linear(normal(n_in, n_out))

        def norm():
            return RMSNorm(np.ones(d, dtype), config.rms_norm_eps)

        def block():
            heads, groups = config.num_attention_heads * hd, config.num_key_value_heads * hd
            q, k, v = (linear(d, n) for n in (heads, groups, groups))
            attention = LlamaAttention(q, k, v, linear(heads, d), hd, config.rope_theta)
            mlp = SwiGLU(linear(d, inner), linear(d, inner), linear(inner, d))
            return LlamaBlock(norm(), attention, norm(), mlp)

        self.embed_tokens = Embedding(normal(config.vocab_size, d))
        self.layers = [block() for _ in range(config.num_hidden_layers)]
        self.norm = norm()
        self.lm_head = Head(self.embed_tokens.weight)

    def embed_trains(self):
        return self.embed_tokens.trains()

    def place(self, x, *, rng=None, position=0):
        """x as it is: positions turn queries and keys instead."""
        return x, ()

    def place_backward(self, dx, cache):
        return dx
