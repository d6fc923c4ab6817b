"""What every language model here does, GPT or Llama: embed, a stack of blocks, a norm, a head.

    x = embed(tokens);  x = block(x) for each;  logits = norm(x) Wᵀ

And where a backward pass stops: at the lowest block in which anything learns.
"""

import copy

import numpy as np

from .attention import KeyValueCache, check_past, past_length
from .layers import rows
from .module import Module, Parameter


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

    def effective_weight(self):
        return self.weight.data

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


class LanguageModel(Module):
    """Tokens to logits, through parts under GPT-2's names: `wte`, blocks `h`, `ln_f`, `lm_head`.

    A kind of model has those parts (a Llama's own names for them are other names of the same),
    a `config`, and of its own `embed_trains()`, `place` and `place_backward`, which say what
    happens between the token table and the first block; what Hugging Face writes before its names
    (`file_prefix`), and what PEFT adapts where nothing else is asked for (`lora_targets`).
    `forward` is `embed`, then `transform`: a prompt or an adapter can stand between the two.
    Shapes: tokens (B, T), x (B, T, d), logits (B, T, K); K is the vocabulary, or a head's classes.
    Raises: ValueError for tokens that are not whole numbers in the vocabulary, or do not fit in
    the context behind `position` and `past`, before any work is done.
    """

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
        below = self.embed_trains()
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
        """x = wte[tokens], placed at `position`, position + 1, …"""
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.size == 0:
            name = type(self).__name__
            raise ValueError(f"{name}: expected tokens of shape (B, T), got {tokens.shape}")
        self.check_position(position, *tokens.shape)
        x, wte_cache = self.wte.forward(tokens)
        x, place_cache = self.place(x, rng=rng, position=position)
        return x, (wte_cache, place_cache)

    def embed_backward(self, dx, cache):
        wte_cache, place_cache = cache
        self.wte.backward(self.place_backward(dx, place_cache), wte_cache)

    def check_position(self, position, B, T):
        """Raise ValueError unless T tokens of B sequences fit in the context from `position` on."""
        position, room, name = np.asarray(position), self.config.n_positions, type(self).__name__
        if position.dtype.kind not in "iu" or position.shape not in ((), (B,)):
            raise ValueError(f"{name}: expected one position or {B} of them, got {position!r}")
        if position.min() < 0 or position.max() + T > room:
            raise ValueError(
                f"{name}: {T} tokens from position {position.max()} on do not fit in the context: "
                f"n_positions is {room}"
            )

    def transform(self, x, *, rng=None, past=None, below_trains=True, keep=True):
        """Everything after the embeddings: `body`, then the head."""
        x, body_cache = self.body(x, rng=rng, past=past, below_trains=below_trains, keep=keep)
        logits, head_cache = self.lm_head.forward(x)
        return logits, None if body_cache is None else (body_cache, head_cache)

    def transform_backward(self, dlogits, cache):
        """Returns dx, or None where nothing below trains, and dpast, or None without a past."""
        if cache is None:
            name = type(self).__name__
            raise ValueError(f"{name}: nothing was kept for a backward pass through this forward")
        body_cache, head_cache = cache
        dx = self.lm_head.backward(dlogits, head_cache, below_trains=body_trains(body_cache))
        return self.body_backward(dx, body_cache)

    def body(self, x, *, rng=None, past=None, below_trains=True, keep=True):
        """Blocks and ln_f: what the head reads, (B, T, d), and the cache.

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
        return x, (caches, ln_cache, below_trains) if keep else None

    def body_backward(self, dx, cache):
        """Returns dx and dpast, as transform_backward; dx of the head is None where it ends."""
        caches, ln_cache, below_trains = cache
        if body_trains(cache):
            dx = self.ln_f.backward(dx, ln_cache)
        dpast = []
        lowest = sum(block_cache is None for block_cache in caches)
        for i in range(len(self.h) - 1, lowest - 1, -1):
            below = below_trains or i > lowest
            dx, dpast_here = self.h[i].backward(dx, caches[i], below_trains=below)
            dpast.insert(0, dpast_here)
        has_past = dpast and dpast[0] is not None
        return dx if below_trains else None, dpast if has_past else None

    def new_past(self, batch, length):
        """An empty KeyValueCache a layer, with room for `length` positions, to generate with."""
        config, name = self.config, type(self).__name__
        if length > config.n_positions:
            raise ValueError(
                f"{name}: {length} positions are more than n_positions {config.n_positions}"
            )
        shape = (batch, config.n_kv_head, length, config.head_dim)
        return [KeyValueCache(shape, self.ln_f.weight.dtype) for _ in self.h]


def body_trains(cache):
    """Whether a backward pass goes on below the head: then ln_f has kept its cache."""
    return cache[1] is not None


class PassesThrough(Module):
    """In a head's place: what the head reads."""

    def forward(self, x, *, rng=None):
        return x, None

    def backward(self, dx, cache, *, below_trains=True):
        return dx if below_trains else None


def body_and_head(model):
    """(the model up to its head, its head), on the same parameters: logits = head(body(tokens)).

    Where a prompt or a prefix stands before the model, it stands before the body.
    Raises: ValueError for a model without a head.
    """
    body = copy.copy(model)  # its own attributes, the same parts
    if "lm_head" in vars(model):
        body.lm_head = PassesThrough()
        return body, model.lm_head
    if "base" not in vars(model):
        raise ValueError(f"{type(model).__name__} has no head")
    body.base, head = body_and_head(model.base)
    return body, head
