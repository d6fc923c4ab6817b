"""GPT-2: token and position embeddings, blocks of attention and MLP, a head (Radford et al. 2019).

    x = wte[tokens] + wpe[positions];  x += attn(ln_1(x));  x += mlp(ln_2(x));  logits = ln_f(x) Wᵀ

Parameter names and shapes are GPT-2's own, without the leading `transformer.`.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import DTypeLike

from ..system.checks import check_fields
from .attention import Attention
from .block import Block
from .embedding import Embedding, Head
from .functional import DROPPED, dropout_backward, dropout_forward
from .language_model import LanguageModel
from .linear import Linear
from .mlp import MLP
from .norm import LayerNorm


@dataclass(frozen=True)
class GPTConfig:
    """A GPT's sizes, under Hugging Face's names; `n_inner` None is 4·n_embd."""

    vocab_size: int = 256
    n_positions: int = 128
    n_embd: int = 128
    n_layer: int = 4
    n_head: int = 4
    n_inner: int | None = None
    layer_norm_epsilon: float = 1e-5
    embd_pdrop: float = 0.0
    attn_pdrop: float = 0.0
    resid_pdrop: float = 0.0

    n_kv_head = property(lambda self: self.n_head)  # each head has keys and values of its own
    head_dim = property(lambda self: self.n_embd // self.n_head)

    def __post_init__(self):
        check_fields(self, embd_pdrop=DROPPED, attn_pdrop=DROPPED, resid_pdrop=DROPPED)
        if self.n_embd % self.n_head:
            wrong = f"n_embd {self.n_embd} does not divide into {self.n_head} heads"
            raise ValueError(f"GPTConfig: {wrong}")


class GPT(LanguageModel):
    """A GPT-2-shaped language model; its head is tied to the token embedding.

    Starts as GPT-2: weights N(0, 0.02²), the residual branches' last ones / √(2·n_layer), biases 0.
    With no rng all weights are 0, for a loader to replace. Shapes: as LanguageModel.
    """

    def __init__(self, config: GPTConfig, rng: Generator | None, dtype: DTypeLike = np.float32):
        self.config = config
        d, eps, drop = config.n_embd, config.layer_norm_epsilon, config.resid_pdrop
        inner = config.n_inner or 4 * d

        def normal(*shape, std=0.02):
            if rng is None:
                return np.zeros(shape, dtype)
            return rng.normal(0.0, std, shape).astype(dtype)

        def linear(n_in, n_out, std=0.02):
            return Linear(normal(n_in, n_out, std=std), np.zeros(n_out, dtype))

        def norm():
            return LayerNorm(np.ones(d, dtype), np.zeros(d, dtype), eps)

        def block():
            c_attn, c_proj = linear(d, 3 * d), linear(d, d, last)
            attention = Attention(c_attn, c_proj, config.n_head, config.attn_pdrop, drop)
            mlp = MLP(linear(d, inner), linear(inner, d, last), drop)
            return Block(norm(), attention, norm(), mlp)

        last = 0.02 / math.sqrt(2 * config.n_layer)
        self.wte = Embedding(normal(config.vocab_size, d))
        self.wpe = Embedding(normal(config.n_positions, d))
        self.h = [block() for _ in range(config.n_layer)]
        self.ln_f = norm()
        self.lm_head = Head(self.wte.weight)  # one Parameter in two places, listed once

    def embed_trains(self):
        return self.wte.trains() or self.wpe.trains()

    def add_positions(self, x, *, rng=None, position=0):
        """x + wpe[position, position + 1, …]"""
        positions = np.asarray(position)[..., None] + np.arange(x.shape[1])  # (T,) or (B, T)
        pos, wpe_cache = self.wpe.forward(positions)
        x, mask = dropout_forward(x + pos, self.config.embd_pdrop, rng)
        return x, ((wpe_cache, pos.ndim), mask)

    def add_positions_backward(self, dx, cache):
        (wpe_cache, ndim), mask = cache
        dx = dropout_backward(dx, mask)
        self.wpe.backward(dx if ndim == 3 else dx.sum(axis=0), wpe_cache)
        return dx
