"""Trainable tokens: of a table of rows only a few learn; a new token gets a row of its own.

What the model knows stays as it is, and a token that it never saw gets a meaning: d numbers.
`own_rows.py` has the maths.
"""

from dataclasses import dataclass, replace

import numpy as np

from ...nn.language_model import LanguageModel
from ...nn.module import Module
from ...system.checks import check_whole
from ..targets import begin, shares_table
from .own_rows import TokenEmbedding, TokenHead


@dataclass(frozen=True)
class TrainableTokens:
    """Let the rows of `tokens` in the embedding learn, and of `head` in a head of its own.

    A head that shares the embedding's table shares these rows, unless `head` says others. Tokens
    from the vocabulary's size on are new: they start at the mean of all rows, in the head too.
    """

    tokens: tuple[int, ...] = (0,)
    head: tuple[int, ...] | None = None

    name, rate = "tokens", 3e-2

    def __post_init__(self):
        for ids in (self.tokens, self.head or ()):
            for token in ids:
                check_whole("TrainableTokens: expected each of tokens", token, 0)
            if len(set(ids)) < len(ids):
                raise ValueError(f"TrainableTokens: expected each token once, got {ids}")
        if not (self.tokens or self.head):
            raise ValueError("TrainableTokens: expected some tokens, got none")

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        inner = model.unwrapped()
        if not isinstance(inner, LanguageModel):
            raise ValueError(
                f"TrainableTokens: expected a language model, got {type(inner).__name__}"
            )
        V, K = model.config.vocab_size, inner.lm_head.n_classes
        reads_tokens = K == V  # and not a head for classes
        if not reads_tokens and max(self.head or (), default=0) >= K:
            expected = f"rows of the head from 0 to {K - 1}, a class each"
            raise ValueError(f"TrainableTokens: expected {expected}, got {self.head}")
        ids = (*self.tokens, *((self.head or ()) if reads_tokens else ()))
        new, most = {t for t in self.tokens if t >= V}, max(ids, default=-1)
        together = shares_table(model) and self.tokens and self.head in (None, (), self.tokens)
        head = tuple(sorted(new)) if self.head is None and reads_tokens else self.head or ()
        grown = max(0, most + 1 - V)
        if len(new) != grown or (reads_tokens and not new <= set(head)):
            raise ValueError(
                f"TrainableTokens: expected new tokens from {V} on, the vocabulary's size, without "
                f"a gap and in the head too, got {self.tokens} and {self.head}"
            )
        view = begin(self, model)
        inner, learning = view.unwrapped(), view.trainable_parameters()
        if self.tokens:
            inner.wte = TokenEmbedding(inner.wte, self.tokens, started(inner.wte, self.tokens))
        if together:
            inner.lm_head = TokenHead(inner.lm_head, self.tokens, inner.wte.tokens)
        elif head:
            inner.lm_head = TokenHead(inner.lm_head, head, started(inner.lm_head, head))
        for parameter in learning:  # methods only add
            parameter.trainable = True
        if new:
            inner.config = replace(inner.config, vocab_size=most + 1)
        return view


def started(table, ids):
    """The rows of `ids` as they are; of new ones, the mean of all."""
    W, ids = table.effective_weight(), np.asarray(ids)
    known = W[np.where(ids < len(W), ids, 0)]
    return np.where((ids < len(W))[:, None], known, W.mean(axis=0)).astype(table.dtype)
