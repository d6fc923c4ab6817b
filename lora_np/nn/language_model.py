"""What GPT and Llama share: x = embed(tokens); x = block(x) for each; logits = norm(x) Wᵀ."""

import numpy as np

from .kv_cache import KeyValueCache, check_past, grows, past_length
from .module import Module
from .recompute import Again


class BodyAndHead(Module):
    """logits = lm_head(body(tokens)), for a model and for whatever stands before its body.

    Each kind has an `lm_head`, a `forward_body` with the options of `forward`, which returns what
    the head reads and a cache (None with `keep` off), and a `backward_body(dx, cache)`.
    Shapes: tokens (B, T), x (B, T, d), logits (B, T, K); K is the vocabulary, or a head's classes.
    """

    special_tokens = None  # what the model's files state: begin, end, padding

    def shown(self):
        c, methods = self.config, "".join(f"{type(m).__name__}, " for m in self.methods)
        sizes = f"{c.n_layer} layers of width {c.n_embd}, {c.n_head} heads, {c.vocab_size:,} tokens"
        return f"{methods}{sizes}, context {c.n_positions:,}: "

    def __call__(self, tokens, **options):
        """The logits alone; nothing is kept for a backward pass."""
        return self.forward(tokens, keep=False, **options)[0]

    def forward(self, tokens, *, past=None, keep=True, **options):
        """Logits and the cache; `past` has one entry a layer, as Attention takes it.

        The first token stands at `position` (one number, or one for each sequence) plus the
        past's length. A KeyValueCache is for generation: there is no backward pass through it.
        With `recompute` the cache holds what each block read, and backward runs it again.
        """
        keep = keep and not grows(past)
        below = keep and (past is not None or self.body_trains())
        x, body_cache = self.forward_body(tokens, past=past, keep=keep, **options)
        logits, head_cache = self.lm_head.forward(x)
        return logits, (below, body_cache, head_cache) if keep else None

    def backward(self, dlogits, cache):
        """Accumulates the gradients of what trains; returns dpast, or None without a past."""
        if cache is None:
            name = type(self).__name__
            raise ValueError(f"{name}: nothing was kept for a backward pass through this forward")
        below, body_cache, head_cache = cache
        dx = self.lm_head.backward(dlogits, head_cache, below_trains=below)  # undoes the head
        return self.backward_body(dx, body_cache) if below else None

    def body_trains(self):
        """Whether anything learns below the head: if not, backward ends there."""
        named = self.named_parameters()  # what is tied has the name that comes first
        return any(p.trainable for name, p in named if not name.startswith("lm_head."))


class LanguageModel(BodyAndHead):
    """Tokens to logits, through parts under GPT-2's names: `wte`, blocks `h`, `ln_f`, `lm_head`.

    A kind of model has those parts (a Llama's own names for them are other names of the same), a
    `config`, and `add_positions` with its backward.
    Raises: ValueError, before any work, for tokens outside the vocabulary or the context.
    """

    def forward_body(self, tokens, *, rng=None, past=None, position=0, **options):
        start = np.asarray(position) + (0 if past is None else past_length(past[0]))
        x, embed_cache = self.embed(tokens, rng=rng, position=start)
        below = self.embed_trains()
        x, cache = self.transform(x, rng=rng, past=past, below_trains=below, **options)
        return x, None if cache is None else (embed_cache, cache)

    def backward_body(self, dx, cache):
        embed_cache, transform_cache = cache
        dx, dpast = self.transform_backward(dx, transform_cache)
        if dx is not None:
            self.embed_backward(dx, embed_cache)
        return dpast

    def embed(self, tokens, *, rng=None, position=0):
        """x = wte[tokens], at `position`, position + 1, …"""
        tokens = np.asarray(tokens)
        if tokens.ndim != 2 or tokens.size == 0:
            name = type(self).__name__
            raise ValueError(f"{name}: expected tokens of shape (B, T), got {tokens.shape}")
        self.check_position(position, *tokens.shape)
        x, wte_cache = self.wte.forward(tokens)
        x, positions_cache = self.add_positions(x, rng=rng, position=position)
        return x, (wte_cache, positions_cache)

    def embed_backward(self, dx, cache):
        wte_cache, positions_cache = cache
        dx = self.add_positions_backward(dx, positions_cache)
        self.wte.backward(dx, wte_cache)

    def embed_trains(self):
        return self.wte.trains()

    def check_position(self, position, B, T):
        """Raise ValueError unless T tokens of B sequences fit in the context from `position` on."""
        position, room, name = np.asarray(position), self.config.n_positions, type(self).__name__
        if position.dtype.kind not in "iu" or position.shape not in ((), (B,)):
            raise ValueError(f"{name}: expected one position or {B} of them, got {position!r}")
        if position.min() < 0 or position.max() + T > room:
            many = f"{T} tokens from position {position.max()}"
            raise ValueError(f"{name}: {many} on do not fit in the context: n_positions is {room}")

    def transform(
        self, x, *, rng=None, past=None, below_trains=True, keep=True, recompute=False
    ):  # fmt: skip
        """From the embeddings to what the head reads: the blocks, then ln_f. x stays (B, T, d).

        Backward goes down to the lowest block that learns, or to the first for the sake of x or of
        a past in pairs; blocks below that one keep no cache.
        """
        n = len(self.h)
        past = [None] * n if past is None else past
        check_past(past, x, self.config)
        keep = keep and not grows(past)
        if below_trains or past[0] is not None:
            lowest = 0
        else:
            lowest = next((i for i, block in enumerate(self.h) if block.trains()), n)
        caches = []
        for i, block in enumerate(self.h):
            kept = keep and i >= lowest
            again = Again(x, rng, past[i]) if kept and recompute else None
            x, cache = block.forward(x, rng=rng, past=past[i])
            caches.append(again or cache if kept else None)
            if again and i == n - 1:
                again.inside = cache
            del cache  # the only reference to a dropped one
        x, ln_cache = self.ln_f.forward(x)
        if lowest == n and not self.ln_f.trains():
            ln_cache = None
        return x, (caches, ln_cache, below_trains) if keep else None

    def transform_backward(self, dx, cache):
        """dx, or None where nothing below trains, and dpast, or None without a past."""
        caches, ln_cache, below_trains = cache
        dx, dpast, lowest = self.ln_f.backward(dx, ln_cache), [], caches.count(None)
        for i in range(len(self.h) - 1, lowest - 1, -1):
            below = below_trains or i > lowest
            block, cache = self.h[i], caches[i]
            if isinstance(cache, Again):
                cache = cache.cache(block)
            dx, dpast_here = block.backward(dx, cache, below_trains=below)
            del cache  # before the next block's is made again
            dpast.insert(0, dpast_here)
        has_past = dpast and dpast[0] is not None
        return dx if below_trains else None, dpast if has_past else None

    def new_past(self, batch, length):
        """An empty KeyValueCache a layer, for `length` positions, to generate with."""
        config = self.config
        if length > config.n_positions:
            name, room = type(self).__name__, config.n_positions
            raise ValueError(f"{name}: {length} positions are more than n_positions {room}")
        shape = (batch, config.n_kv_head, length, config.head_dim)
        return [KeyValueCache(shape, self.ln_f.weight.dtype) for _ in self.h]
