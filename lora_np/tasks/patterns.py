"""Patterns and verbalizers: classification asked as a question that the model can already answer.

    the room was dirty . the staff was rude . | all in all ___       great or terrible?

A pattern puts words around a text so that its label becomes the next word, and a verbalizer names
each label with one word (Schick & Schütze 2021, arXiv 2001.07676, PET). A model that reads from
left to right sees nothing behind the slot, so the slot comes last here; PET's models read both
ways, and its slot can stand anywhere.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..nn.functional import softmax_forward
from .batch import Batch, classification, padded
from .teacher import TaughtBatch


@dataclass(frozen=True)
class Pattern:
    """Tokens `before` and `after` a text; the label is what comes next.

    With neither, it is plain classification of the text, for a head of its own.
    """

    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()

    def batch(self, texts: Sequence, labels: ArrayLike, n_positions: int) -> Batch:
        """A Batch whose targets are the labels, one at each text's slot; padding is on the right.

        Shapes: texts holds B sequences of tokens, labels (B,) whole numbers from 0.
        """
        filled = [[*self.before, *text, *self.after] for text in texts]
        for i, (text, tokens) in enumerate(zip(texts, filled)):
            if not 0 < len(text) <= len(tokens) <= n_positions:
                raise ValueError(
                    f"text {i} has {len(text)} tokens and its pattern {len(tokens) - len(text)}: "
                    f"expected 1 or more, together at most the context's {n_positions}"
                )
        if not filled:
            raise ValueError("a pattern needs at least one text")
        rows, lengths = padded(filled, 0)
        return classification(rows, lengths, labels)


def verbalizer(names: Sequence[str], encode: Callable) -> tuple[int, ...]:
    """The tokens that name the labels, one each; `encode` turns a word into its tokens."""
    tokens = []
    for name in names:
        encoded = [int(token) for token in encode(name)]
        if len(encoded) != 1:
            raise ValueError(
                f"a verbalizer names a label with one token, but {name!r} is {len(encoded)} "
                f"tokens, {encoded}; choose a word that the vocabulary has whole"
            )
        tokens += encoded
    if len(tokens) < 2 or len(set(tokens)) != len(tokens):
        raise ValueError(f"expected a different word for each of 2 or more labels, got {names}")
    return tuple(tokens)


def label_probabilities(model, batch, tokens=None):
    """softmax over the labels at each row's slot, (B, L): the verbalizer's words, or all logits."""
    rows, slots = np.nonzero(batch.weights)
    logits = model(batch.tokens)[rows, slots]  # (B, K)
    return softmax_forward(logits if tokens is None else logits[:, list(tokens)])[0]


def accuracy(probabilities, batch):
    """The share of rows whose likeliest label is the right one."""
    return float((probabilities.argmax(axis=1) == batch.targets[batch.weights > 0]).mean())


def ensemble(probabilities):
    """The mean of several patterns' label probabilities (PET §3.3, equal weights w(p)).

    Shapes: each (B, L), all alike; so is the mean.
    """
    return np.mean(probabilities, axis=0)


def soft_labels(batch, probabilities):
    """`batch` with an ensemble's opinion at each slot, for one classifier to be distilled from.

    The probabilities become logits, so `Distillation` softens them (PET §3.3: temperature 2).
    Shapes: probabilities (B, L); the batch's teacher_logits (B, T, L), 0 beside the slots.
    """
    teacher_logits = np.zeros((*batch.tokens.shape, probabilities.shape[1]), probabilities.dtype)
    tiny = np.finfo(probabilities.dtype).tiny
    teacher_logits[batch.weights > 0] = np.log(np.maximum(probabilities, tiny))
    return TaughtBatch(batch.tokens, batch.targets, batch.weights, teacher_logits)
