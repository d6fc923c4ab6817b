"""Llama: GPT-2's plan with four newer parts (Touvron et al. 2023, arXiv 2302.13971, §2.2).

    LayerNorm → RMSNorm · learned positions → rotated queries and keys · GELU → SwiGLU ·
    a key and value for every head → one for several heads

No biases. Parameter names are Hugging Face's own, without the leading `model.`; its weights are
(out, in), and are transposed where files are read.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from ..system.checks import check_real
from .attention import attend_backward, attend_forward
from .block import Block
from .embedding import Embedding, Head
from .kv_cache import extend_past, past_length
from .language_model import LanguageModel, check_sizes
from .linear import Linear
from .mlp import SwiGLU
from .module import Module
from .norm import RMSNorm
from .rotary import rotary_angles, rotate


def also(name):
    """Another name for the attribute `name`: GPT-2's, by which shared code calls this part."""
    return property(lambda self: getattr(self, name), lambda self, new: setattr(self, name, new))


@dataclass(frozen=True)
class LlamaConfig:
    """A Llama's sizes, under Hugging Face's names, and under the GPT-2's that say the same.

    `num_key_value_heads` None is one a head, `head_dim` None is hidden_size / heads.
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
        check_sizes(self)
        H = self.num_attention_heads
        if self.num_key_value_heads is None:
            object.__setattr__(self, "num_key_value_heads", H)
        if self.head_dim is None and self.hidden_size % H == 0:
            object.__setattr__(self, "head_dim", self.hidden_size // H)
        if self.head_dim is None or self.head_dim % 2:  # it is rotated in pairs
            expected = f"hidden_size {self.hidden_size} to divide into {H} heads of an even width"
            raise ValueError(f"LlamaConfig: expected {expected}, got head_dim {self.head_dim}")
        if H % self.num_key_value_heads:
            G = self.num_key_value_heads
            raise ValueError(f"LlamaConfig: {H} heads do not divide into {G} groups")
        for name in ("rms_norm_eps", "rope_theta"):
            check_real(f"LlamaConfig: expected {name}", getattr(self, name))


class LlamaBlock(Block):
    """A Block under Hugging Face's names."""

    ln_1, attn, ln_2 = map(also, ("input_layernorm", "self_attn", "post_attention_layernorm"))

    def __init__(self, input_layernorm, self_attn, post_attention_layernorm, mlp):
        self.input_layernorm, self.self_attn = input_layernorm, self_attn
        self.post_attention_layernorm, self.mlp = post_attention_layernorm, mlp


class Llama(LanguageModel):
    """A Llama-shaped language model; its head is tied to the token embedding, as in small ones.

    Starts with all matrices N(0, 0.02²); with no rng they are one read-only 0, for a loader to
    replace. An offset of a whole sequence turns queries and keys alike and changes
    nothing, so `position` only has to fit in the context. Shapes: as LanguageModel.
    """

    wte, h, ln_f = also("embed_tokens"), also("layers"), also("norm")

    def __init__(self, config: LlamaConfig, rng: Generator | None, dtype: DTypeLike = np.float32):
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

    def add_positions(self, x, *, rng=None, position=0):
        """x as it is: positions turn queries and keys instead."""
        return x, ()

    def add_positions_backward(self, dx, cache):
        return dx


class LlamaAttention(Module):
    """y = merge(softmax(R(q) R(k)ᵀ/√hd + mask) v) W_o, with q, k, v = x W_q, x W_k, x W_v.

    R turns by the position (`rotate`). H query heads share G key-value heads. `past` as in
    Attention, its keys turned already.
    Shapes: x and y (B, T, d), W_q (d, H·hd), W_k and W_v (d, G·hd), W_o (H·hd, d);
    past k and v (B, G, P, hd).
    """

    def __init__(self, q_proj, k_proj, v_proj, o_proj, head_dim, theta):
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = q_proj, k_proj, v_proj, o_proj
        self.head_dim, self.theta = head_dim, theta

    def forward(self, x, *, rng=None, past=None):
        (B, T, _), hd = x.shape, self.head_dim
        q, q_cache = self.q_proj.forward(x, rng=rng)  # (B, T, H·hd)
        k, k_cache = self.k_proj.forward(x, rng=rng)  # (B, T, G·hd)
        v, v_cache = self.v_proj.forward(x, rng=rng)
        cos, sin = rotary_angles(past_length(past), T, hd, self.theta, x.dtype)
        q, k = rotate(split_heads(q, hd), cos, sin), rotate(split_heads(k, hd), cos, sin)
        k, v = extend_past(past, k, split_heads(v, hd))  # (B, G, S, hd)
        out, core_cache = attend_forward(q, k, v)  # (B, T, H, hd)
        y, o_cache = self.o_proj.forward(out.reshape(B, T, -1), rng=rng)
        return y, (q_cache, k_cache, v_cache, cos, sin, core_cache, o_cache, past is not None)

    def backward(self, dy, cache, **below):
        q_cache, k_cache, v_cache, cos, sin, core_cache, o_cache, has_past = cache
        (B, T, _), hd = dy.shape, self.head_dim
        dout = self.o_proj.backward(dy, o_cache).reshape(B, T, -1, hd)  # undoes W_o
        dq, dk, dv = (
            split_heads(np.empty((B, T, layer.out_features), dy.dtype), hd)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        dpast = attend_backward(dout, core_cache, dq, dk, dv)
        dq, dk = rotate(dq, cos, -sin), rotate(dk, cos, -sin)  # undoes R: turn back
        dx = self.q_proj.backward(merge_heads(dq), q_cache, **below)  # undoes W_q
        dxk = self.k_proj.backward(merge_heads(dk), k_cache, **below)  # undoes W_k
        dxv = self.v_proj.backward(merge_heads(dv), v_cache, **below)  # undoes W_v
        if dx is not None:  # x went three ways, so its gradients add
            dx += dxk
            dx += dxv
        return dx, dpast if has_past else None


def split_heads(x, hd):
    """(B, T, H·hd) as a view (B, H, T, hd): one head a matrix."""
    return x.reshape(*x.shape[:2], -1, hd).swapaxes(1, 2)


def merge_heads(x):
    """Undoes `split_heads`, with no copy where x has its layout."""
    B, H, T, hd = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * hd)
