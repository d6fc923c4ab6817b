"""Prompt tuning: learn the embeddings of tokens that no one typed (Lester et al. 2021).

(arXiv 2104.08691, §2.) A soft prompt moves nothing but what the first layer reads. Tokens that
are "prepended to the model's input" are this, and not prefix tuning, which puts keys and values
in front of every layer.
"""

from dataclasses import dataclass

import numpy as np

from ..nn.module import Parameter
from .common import begin
from .virtual import PEFT_SIZES, BehindVirtualTokens, check_length, check_model, repeated_ids

INITS = ("random", "vocabulary")


class PromptTuned(BehindVirtualTokens):
    """logits = GPT([prompt; wte[tokens]])[P:], and the prompt learns (Lester et al. 2021, §2).

    The P learned rows stand at positions 0 … P − 1 and get those positions' embeddings, as any
    token does.
    Shapes: prompt (P, d), tokens (B, T), logits (B, T, K).
    """

    def __init__(self, base, prompt):
        self.base, self.prompt = base, Parameter(prompt)

    length = property(lambda self: self.prompt.shape[0])

    def forward(self, tokens, *, rng=None, past=None, position=0, keep=True):
        if past is not None:  # it holds the prompt already
            options = {"past": past, "position": position, "keep": keep}
            logits, cache = self.base.forward(tokens, rng=rng, **options)
            return logits, (None, None, cache)
        self._check_room(np.shape(tokens), position)
        P = self.length
        x, embed_cache = self.base.embed(tokens, rng=rng, position=position + P)  # (B, T, d)
        prompt, prompt_cache = self._rows(len(x), rng, position)  # (B, P, d)
        logits, cache = self.base.transform(
            np.concatenate([prompt, x], axis=1), rng=rng, keep=keep,
            below_trains=self.prompt.trainable or self.base.embed_trains(),
        )  # fmt: skip
        return logits[:, P:], (prompt_cache, embed_cache, cache)

    def backward(self, dlogits, cache):
        (prompt_cache, embed_cache, cache), P = cache, self.length
        if prompt_cache is None:
            return self.base.backward(dlogits, cache)
        padded = np.pad(dlogits, ((0, 0), (P, 0), (0, 0)))  # undoes [P:]: no loss on the prompt
        dx, _ = self.base.transform_backward(padded, cache)
        if dx is not None:
            self._rows_backward(dx[:, :P], prompt_cache)  # undoes the concatenation
            self.base.embed_backward(dx[:, P:], embed_cache)

    def _rows(self, B, rng, position=0):
        """The prompt, the same for each of B sequences, placed as the model places any token."""
        x = np.broadcast_to(self.prompt.data, (B, *self.prompt.shape))
        return self.base.place(x, rng=rng, position=position)

    def _rows_backward(self, dx, cache):
        dx = self.base.place_backward(dx, cache)
        if self.prompt.trainable:
            self.prompt.accumulate(dx.sum(axis=0))  # every sequence read the same prompt

    def new_past(self, batch, length):
        """A past to generate with that has read the prompt already."""
        past = self._new_past(batch, length)
        self.base.transform(self._rows(batch, None)[0], past=past)
        return past


@dataclass(frozen=True)
class PromptTuning:
    """A soft prompt of `length` embeddings: length·d numbers. Apply it last.

    `init`: "vocabulary" copies the embeddings of tokens drawn at random, "random" draws from
    N(0, σ²) with σ the embeddings' own, and token ids copy those tokens' (Lester et al. 2021,
    §2.1), repeated or cut to `length`: the model then starts as if it had read them.
    Raises: ValueError for a length below 1 or with no room in the context, or an unknown init.
    """

    length: int = 8
    init: str | tuple[int, ...] = "vocabulary"

    def __post_init__(self):
        check_length("PromptTuning", self.length)
        if isinstance(self.init, str) and self.init not in INITS:
            raise ValueError(
                f"PromptTuning: expected an init among {', '.join(INITS)}, or token ids, "
                f"got {self.init!r}"
            )

    def apply(self, model, rng):
        """`model`, frozen, behind a prompt that learns."""
        check_model("PromptTuning", model, self.length)
        V, d = model.config.vocab_size, model.config.n_embd
        if self.init == "random":
            table = model.wte(np.arange(V))  # (V, d)
            prompt = rng.normal(0.0, table.std(), (self.length, d)).astype(table.dtype)
        elif self.init == "vocabulary":
            prompt = model.wte(rng.choice(V, self.length, replace=self.length > V))
        else:
            prompt = model.wte(repeated_ids("PromptTuning", self.init, self.length, V))
        view = begin(self, model)
        wrapper = PromptTuned(view, prompt)
        wrapper.methods = view.methods
        return wrapper

    def peft_config(self):
        """Its part of PEFT's adapter_config.json; how the prompt started is no longer needed."""
        return {
            "peft_type": "PROMPT_TUNING",
            "num_virtual_tokens": self.length,
            "prompt_tuning_init": "RANDOM",
        }

    # How it started, and sizes that are the model's own.
    peft_ignores = (*PEFT_SIZES, "prompt_tuning_init_text", "tokenizer_name_or_path")

    @classmethod
    def from_peft(cls, config, shapes, model):
        """The PromptTuning that a PEFT config describes, or None."""
        if config.get("peft_type") == "PROMPT_TUNING":
            return cls(config.get("num_virtual_tokens"))

    def peft_arrays(self, model):
        """{PEFT's name: the prompt (P, d)}, a view."""
        return {"prompt_embeddings": model.prompt.data}
