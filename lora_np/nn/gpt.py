"""GPT-2: token and position embeddings, blocks of attention and MLP, a head (Radford et al. 2019).

    x = wte[tokens] + wpe[positions];  x += attn(ln_1(x));  x += mlp(ln_2(x));  logits = ln_f(x) Wᵀ

Parameter names and shapes are GPT-2's own, without the leading `transformer.`.
"""

import math
from dataclasses import dataclass

import numpy as np

from .attention import Attention, KeyValueCache, check_past, past_length
from .block import MLP, Block
from .functional import dropout_backward, dropout_forward
from .layers import Embedding, LayerNorm, Linear, rows
from .module import Module, Parameter


@dataclass(frozen=True)
class GPTConfig:
    """A GPT's sizes, under Hugging Face's names; `n_inner` None is 4·n_embd.

    Raises: ValueError for sizes below 1, an n_embd that n_head does not divide, an epsilon that
    is not positive, a dropout outside [0, 1).
    """

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

    def __post_init__(self):
        for name in ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner"):
            size = getattr(self, name)
            if name == "n_inner" and size is None:
                continue
            if isinstance(size, bool) or not isinstance(size, int) or size < 1:
                raise ValueError(f"GPTConfig: expected {name} from 1, a whole number, got {size!r}")
        if self.n_embd % self.n_head:
            raise ValueError(
                f"GPTConfig: n_embd {self.n_embd} does not divide into {self.n_head} heads"
            )
        if not self.layer_norm_epsilon > 0:
            raise ValueError(
                f"GPTConfig: expected layer_norm_epsilon > 0, got {self.layer_norm_epsilon!r}"
            )
        for name in ("embd_pdrop", "attn_pdrop", "resid_pdrop"):
            if not 0 <= getattr(self, name) < 1:
                raise ValueError(
                    f"GPTConfig: expected {name} from 0 to below 1, got {getattr(self, name)!r}"
                )


class Head(Module):
    """logits = x Wᵀ, one row of W for each class, as an embedding has one for each token.

    So it can share the embedding's W; and as no Linear, it is never matched by LoRA's targets.
    Shapes: x (..., d), W (K, d), logits (..., K).
    """

    def __init__(self, weight):
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        if len(self.weight.shape) != 2:
            raise ValueError(f"Head: expected a weight (K, d), got {self.weight.shape}")

    n_classes = property(lambda self: self.weight.shape[0])

    def forward(self, x, *, rng=None):
        logits = (rows(x) @ self.weight.data.T).reshape(*x.shape[:-1], self.n_classes)
        return logits, x if self.weight.trainable else None

    def backward(self, dlogits, cache, *, below_trains=True):
        """dx, or None if nothing below needs it."""
        if self.weight.trainable:
            x = cache
            self.weight.accumulate(rows(dlogits).T @ rows(x))  # undoes x Wᵀ: dW = dlogitsᵀ x
        if below_trains:
            dx = rows(dlogits) @ self.weight.data  # undoes x Wᵀ: dx = dlogits W
            return dx.reshape(*dlogits.shape[:-1], -1)


class GPT(Module):
    """A GPT-2-shaped language model; its head is tied to the token embedding.

    `forward` is `embed`, then `transform`: a prompt or an adapter can stand between the two.
    Starts as GPT-2: weights N(0, 0.02²), the residual branches' last ones / √(2·n_layer), biases 0.
    With no rng all weights are 0: a loader puts its own in their place.
    Shapes: tokens (B, T), x (B, T, d), logits (B, T, K); K is the vocabulary, or a head's classes.
    Raises: ValueError for tokens that are not whole numbers in the vocabulary, or do not fit in
    the context behind `position` and `past`, before any work is done.
    """

    def __init__(self, config, rng, dtype=np.float32):
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

        last = 0.02 / math.sqrt(2 * config.n_layer)
        self.wte = Embedding(normal(config.vocab_size, d))
        self.wpe = Embedding(normal(config.n_positions, d))
        self.h = [
            Block(
                norm(),
                Attention(
                    linear(d, 3 * d), linear(d, d, last), config.n_head, config.attn_pdrop, drop
                ),
                norm(),
                MLP(linear(d, inner), linear(inner, d, last), drop),
            )
            for _ in range(config.n_layer)
        ]
        self.ln_f = norm()
        self.lm_head = Head(self.wte.weight)  # one Parameter in two places, listed once

    def __call__(self, tokens, **options):
        """The logits alone; nothing is kept for a backward pass."""
        return self.forward(tokens, keep=False, **options)[0]

    def forward(self, tokens, *, rng=None, past=None, position=0, keep=True):
        """Logits and the cache; `past` has one entry a layer, as Attention takes it.

        The first token stands at `position` (one number, or one for each sequence) plus the
        past's length. A KeyValueCache is for generation: there is no backward pass through it.
        """
        start = np.asarray(position) + (0 if past is None else past_length(past[0]))
        x, embed_cache = self.embed(tokens, rng=rng, position=start)
        below = self.wte.trains() or self.wpe.trains()
        logits, cache = self.transform(x, rng=rng, past=past, below_trains=below, keep=keep)
        return logits, (embed_cache, cache)

    def backward(self, dlogits, cache):
        """Accumulates the gradients of what trains; returns dpast, or None without a past."""
        embed_cache, transform_cache = cache
        dx, dpast = self.transform_backward(dlogits, transform_cache)
        if dx is not None:
            self.embed_backward(dx, embed_cache)
        return dpast

    def embed(self, tokens, *, rng=None, position=0):
        """x = wte[tokens] + wpe[position, position + 1, …]"""
        tokens, position = np.asarray(tokens), np.asarray(position)
        if tokens.ndim != 2 or tokens.size == 0:
            raise ValueError(f"GPT: expected tokens of shape (B, T), got {tokens.shape}")
        (B, T), room = tokens.shape, self.config.n_positions
        if position.dtype.kind not in "iu" or position.shape not in ((), (B,)):
            raise ValueError(f"GPT: expected one position or {B} of them, got {position!r}")
        if position.min() < 0 or position.max() + T > room:
            raise ValueError(
                f"GPT: {T} tokens from position {position.max()} on do not fit in the context: "
                f"n_positions is {room}"
            )
        positions = position[..., None] + np.arange(T)  # (T,) or (B, T)
        x, wte_cache = self.wte.forward(tokens)
        pos, wpe_cache = self.wpe.forward(positions)
        x += pos
        x, mask = dropout_forward(x, self.config.embd_pdrop, rng)
        return x, (wte_cache, wpe_cache, mask)

    def embed_backward(self, dx, cache):
        wte_cache, wpe_cache, mask = cache
        dx = dropout_backward(dx, mask)
        self.wpe.backward(dx if wpe_cache.ndim == 2 else dx.sum(axis=0), wpe_cache)
        self.wte.backward(dx, wte_cache)

    def transform(self, x, *, rng=None, past=None, below_trains=True, keep=True):
        """Everything after the embeddings: blocks, ln_f, head.

        `below_trains` says that something before x learns, so that backward must give its dx.
        Backward will go down to the lowest block that learns (to the first, for x's or a pair
        `past`'s sake), and blocks below that one keep no cache.
        """
        n = len(self.h)
        past = [None] * n if past is None else past
        check_past(past, x, self.config)
        if not keep or isinstance(past[0], KeyValueCache):
            keep, lowest = False, n
        elif below_trains or past[0] is not None:
            lowest = 0
        else:
            lowest = next((i for i, block in enumerate(self.h) if block.trains()), n)
        caches = []
        for i, block in enumerate(self.h):
            x, cache = block.forward(x, rng=rng, past=past[i])
            caches.append(cache if i >= lowest else None)
            del cache  # the only reference to a dropped one
        x, ln_cache = self.ln_f.forward(x)
        if lowest == n and not self.ln_f.trains():
            ln_cache = None
        logits, head_cache = self.lm_head.forward(x)
        return logits, (caches, ln_cache, head_cache, below_trains) if keep else None

    def transform_backward(self, dlogits, cache):
        """Returns dx, or None where nothing below trains, and dpast, or None without a past."""
        if cache is None:
            raise ValueError("GPT: nothing was kept for a backward pass through this forward")
        caches, ln_cache, head_cache, below_trains = cache
        into_norm = ln_cache is not None
        dx = self.lm_head.backward(dlogits, head_cache, below_trains=into_norm)
        if into_norm:
            dx = self.ln_f.backward(dx, ln_cache)
        dpast = []
        for block, block_cache in zip(reversed(self.h), reversed(caches)):
            if block_cache is None:  # and so for all below it
                break
            dx, dpast_here = block.backward(dx, block_cache)
            dpast.insert(0, dpast_here)
        has_past = dpast and dpast[0] is not None
        return dx if below_trains else None, dpast if has_past else None

    def new_past(self, batch, length):
        """An empty KeyValueCache a layer, with room for `length` positions, to generate with."""
        room, config = self.config.n_positions, self.config
        if length > room:
            raise ValueError(f"GPT: {length} positions are more than n_positions {room}")
        shape = (batch, config.n_head, length, config.n_embd // config.n_head)
        return [KeyValueCache(shape, self.wte.weight.dtype) for _ in self.h]
