"""Prompt tuning: learn the embeddings of tokens that no one typed (Lester et al., 2104.08691)."""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Module, Parameter
from ...system.checks import check_fields
from ..added import give
from ..targets import begin
from .virtual_tokens import BehindVirtualTokens, check_model, repeated_ids


class PromptTuned(BehindVirtualTokens):
    """logits = GPT([prompt; wte[tokens]])[P:], and the prompt learns (Lester et al. 2021, §2).

    The P learned rows stand at positions 0 … P − 1, and get their embeddings as any token does.
    Shapes: prompt (P, d), tokens (B, T), logits (B, T, K).
    """

    def __init__(self, base, prompt):
        self.base, self.prompt, self.methods = base, Parameter(prompt), base.methods

    length = property(lambda self: self.prompt.shape[0])

    def written(self):
        """(the P rows, a cache): here they learn themselves."""
        return self.prompt.data, None

    def written_backward(self, dprompt, cache):
        give(self.prompt, dprompt)

    def written_trains(self):
        return self.prompt.trainable

    def forward_body(self, tokens, *, rng=None, past=None, position=0, **options):
        if past is not None:  # it holds the prompt already
            options |= {"past": past, "position": position}
            x, cache = self.base.forward_body(tokens, rng=rng, **options)
            return x, None if cache is None else (None, None, cache)
        self._check_positions(np.shape(tokens), position)
        P = self.length
        x, embed_cache = self.base.embed(tokens, rng=rng, position=position + P)  # (B, T, d)
        prompt, prompt_cache = self._rows(len(x), rng, position)  # (B, P, d)
        x = np.concatenate([prompt, x], axis=1)  # (B, P + T, d)
        below = self.written_trains() or self.base.embed_trains()
        x, cache = self.base.transform(x, rng=rng, below_trains=below, **options)
        return x[:, P:], None if cache is None else (prompt_cache, embed_cache, cache)

    def backward_body(self, dx, cache):
        (prompt_cache, embed_cache, cache), P = cache, self.length
        if prompt_cache is None:
            return self.base.backward_body(dx, cache)
        padded = np.pad(dx, ((0, 0), (P, 0), (0, 0)))  # undoes [P:]: no loss on the prompt
        dx, _ = self.base.transform_backward(padded, cache)
        if dx is not None:
            self._rows_backward(dx[:, :P], prompt_cache)  # undoes the concatenation
            self.base.embed_backward(dx[:, P:], embed_cache)

    def _rows(self, B, rng, position=0):
        """The prompt, the same for each of B sequences, placed as the model places any token."""
        prompt, written_cache = self.written()
        x = np.broadcast_to(prompt, (B, *prompt.shape))
        x, cache = self.base.add_positions(x, rng=rng, position=position)
        return x, (written_cache, cache)

    def _rows_backward(self, dx, cache):
        written_cache, cache = cache
        dx = self.base.add_positions_backward(dx, cache)
        self.written_backward(dx.sum(axis=0), written_cache)  # every sequence read the same prompt

    def new_past(self, batch, length):
        past = self._new_past(batch, length)
        self.base.transform(self._rows(batch, None)[0], past=past)
        return past


@dataclass(frozen=True)
class PromptTuning:
    """A soft prompt of `length` embeddings: length·d numbers. Apply it last.

    `init`: "vocabulary" copies the embeddings of tokens drawn at random, "random" draws from
    N(0, σ²) with σ the embeddings' own, and token ids copy those tokens' (Lester et al. 2021,
    §2.1), repeated or cut to `length`: the model then starts as if it had read them.
    """

    length: int = 8
    init: str | tuple[int, ...] = "vocabulary"

    name, rate = "prompt", 3e-2

    def __post_init__(self):
        check_fields(self)
        if isinstance(self.init, str) and self.init not in ("random", "vocabulary"):
            expected = "random, vocabulary or token ids"
            raise ValueError(f"PromptTuning: expected {expected}, got {self.init!r}")

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        check_model("PromptTuning", model, self.length)
        V, d = model.config.vocab_size, model.config.n_embd
        if self.init == "random":
            table = model.wte(np.arange(V))  # (V, d)
            prompt = rng.normal(0.0, table.std(), (self.length, d)).astype(table.dtype)
        elif self.init == "vocabulary":
            prompt = model.wte(rng.choice(V, self.length, replace=self.length > V))
        else:
            prompt = model.wte(repeated_ids("PromptTuning", self.init, self.length, V))
        return PromptTuned(begin(self, model), prompt)
