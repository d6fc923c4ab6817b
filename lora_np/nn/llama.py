"""Llama: GPT-2's plan with four newer parts (Touvron et al. 2023, arXiv 2302.13971, §2.2).

    LayerNorm → RMSNorm · learned positions → rotated queries and keys · GELU → SwiGLU ·
    a key and value for every head → one for several heads

Later models of this plan are the same class with options on (`LlamaConfig`): Llama 3 turns by
scaled rates (`rotary.py`); Mistral sees a sliding window of positions (Jiang et al. 2023, arXiv
2310.06825, §2); Qwen2 adds biases to q, k and v (Yang et al. 2024, arXiv 2407.10671, §2.2.1); Qwen3
normalizes each head of q and k instead (Yang et al. 2025, arXiv 2505.09388, §2).
Parameter names are Hugging Face's own, without the leading `model.`; its weights are (out, in), and
are transposed where files are read.
"""

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from .attention import attend_backward, attend_forward
from .block import Block
from .embedding import Embedding, Head
from .kv_cache import extend_past, past_length
from .language_model import LanguageModel
from .linear import Linear
from .llama_config import LlamaConfig, also
from .mlp import SwiGLU
from .module import Module
from .norm import RMSNorm
from .rotary import rotary_angles, rotate


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

        def linear(n_in, n_out, bias=False):
            return Linear(normal(n_in, n_out), np.zeros(n_out, dtype) if bias else None)

        def norm(n=d):
            return RMSNorm(np.ones(n, dtype), config.rms_norm_eps)

        def block(i):
            heads, groups = config.num_attention_heads * hd, config.num_key_value_heads * hd
            q, k, v = (linear(d, n, config.qkv_bias) for n in (heads, groups, groups))
            norms = (norm(hd), norm(hd)) if config.qk_norm else (None, None)
            o = linear(heads, d, config.attention_bias)
            sizes = (d, inner), (d, inner), (inner, d)
            mlp = SwiGLU(*(linear(*size, config.mlp_bias) for size in sizes))
            return LlamaBlock(norm(), LlamaAttention(q, k, v, o, *norms, config, i), norm(), mlp)

        self.embed_tokens = Embedding(normal(config.vocab_size, d))
        self.layers = [block(i) for i in range(config.num_hidden_layers)]
        self.norm = norm()
        self.lm_head = Head(self.embed_tokens.weight)

    def add_positions(self, x, *, rng=None, position=0):
        """x as it is: positions turn queries and keys instead."""
        return x, ()

    def add_positions_backward(self, dx, cache):
        return dx


class LlamaAttention(Module):
    """y = merge(softmax(R(q) R(k)ᵀ/√hd + mask) v) W_o, with q, k, v = x W_q, x W_k, x W_v.

    R turns by the position (`rotate`). H query heads share G key-value heads. With norms, each head
    of q and of k goes through one before it turns. `past` as in Attention, its keys turned already.
    Shapes: x and y (B, T, d), W_q (d, H·hd), W_k and W_v (d, G·hd), W_o (H·hd, d);
    past k and v (B, G, P, hd).
    """

    def __init__(self, q_proj, k_proj, v_proj, o_proj, q_norm, k_norm, config, layer):
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = q_proj, k_proj, v_proj, o_proj
        self.q_norm, self.k_norm = q_norm, k_norm
        self.head_dim, self.window = config.head_dim, config.window(layer)
        self.pdrop = config.attention_dropout
        self.rope = config.rope_theta, config.rope_scaling, config.max_position_embeddings

    def forward(self, x, *, rng=None, past=None):
        (B, T, _), hd, (theta, scaling, context) = x.shape, self.head_dim, self.rope
        q, q_cache = self.q_proj.forward(x, rng=rng)  # (B, T, H·hd)
        k, k_cache = self.k_proj.forward(x, rng=rng)  # (B, T, G·hd)
        v, v_cache = self.v_proj.forward(x, rng=rng)
        q, k, v = split_heads(q, hd), split_heads(k, hd), split_heads(v, hd)  # (B, H or G, T, hd)
        norm_caches = None
        if self.q_norm is not None:
            q, q_norm_cache = self.q_norm.forward(q)
            k, k_norm_cache = self.k_norm.forward(k)
            norm_caches = q_norm_cache, k_norm_cache
        cos, sin = rotary_angles(past_length(past), T, hd, theta, x.dtype, scaling, context)
        k, v = extend_past(past, rotate(k, cos, sin), v)  # (B, G, S, hd)
        q = rotate(q, cos, sin)
        out, core_cache = attend_forward(q, k, v, self.pdrop, rng, self.window)
        y, o_cache = self.o_proj.forward(out.reshape(B, T, -1), rng=rng)  # out (B, T, H, hd)
        caches = q_cache, k_cache, v_cache, o_cache, norm_caches
        return y, (caches, cos, sin, core_cache, past is not None)

    def backward(self, dy, cache, **below):
        caches, cos, sin, core_cache, has_past = cache
        q_cache, k_cache, v_cache, o_cache, norm_caches = caches
        (B, T, _), hd = dy.shape, self.head_dim
        dout = self.o_proj.backward(dy, o_cache).reshape(B, T, -1, hd)  # undoes W_o
        dq, dk, dv = (
            split_heads(np.empty((B, T, layer.out_features), dy.dtype), hd)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        dpast = attend_backward(dout, core_cache, dq, dk, dv)
        dq, dk = rotate(dq, cos, -sin), rotate(dk, cos, -sin)  # undoes R: turn back
        if norm_caches is not None:
            dq = self.q_norm.backward(dq, norm_caches[0])  # undoes the norms of each head
            dk = self.k_norm.backward(dk, norm_caches[1])
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
