"""Documents that mislead: four for each animal, of which one answers the question.

    zebra newt lima . ibex newt rome . koala fox oslo . ? newt  →  lima

The first word says what a document is about: where the animal lives, was born, works or winters.
The base has no such words, so four of its animals' words stand for them. The question is always
where the animal lives, the first. The animal's other documents share its word: BM25 ranks the four
alike, and a model that looks for the word reads any of them. They are the near distractors;
documents about other animals are the far ones.
"""

from dataclasses import dataclass

import numpy as np

from ...tasks.retrieval import Store
from ...tasks.worlds.raft import ASK, FIRST_VALUE, KEYS, STOP, VALUES, answered
from .common import rows_of

TOPICS = 4
ANIMALS = KEYS - TOPICS
FIXED, DOCUMENTS, FIELDS = 6, 3, 4  # animals that never move, documents read, words of each


@dataclass(frozen=True)
class Homes:
    """Where the animals live; `fixed` are the homes of those that never move."""

    fixed: tuple[int, ...]

    def documents(self, size, rng):
        """Every document of `size` states of the world; all but the fixed homes are drawn anew.

        Shape: (size, ANIMALS, TOPICS, FIELDS).
        """
        values = rng.integers(VALUES, size=(size, ANIMALS, TOPICS))
        values[:, : len(self.fixed), 0] = self.fixed
        texts = np.full((*values.shape, FIELDS), STOP)
        texts[..., 0] = ANIMALS + np.arange(TOPICS)
        texts[..., 1] = np.arange(ANIMALS)[:, None]
        texts[..., 2] = FIRST_VALUE + values
        return texts


@dataclass(frozen=True)
class Questions:
    """Batches of questions behind documents, the golden one there in a share P of them.

    Where it is absent, only animals that never move are asked: the others' homes nobody could
    guess. `near`: distractors are the asked animal's other documents; else they are other animals'.
    `changed` gives the golden document, and the answer, another value: it tells reading from
    reciting. With no `documents` the question stands alone.
    """

    world: Homes
    P: float
    asked: range = range(ANIMALS)
    near: bool = True
    changed: bool = False
    documents: int = DOCUMENTS

    def batch(self, size, rng):
        """Shapes: tokens (size, FIELDS·documents + 2), the answer the last position's target."""
        rows, fixed = np.arange(size), np.arange(len(self.world.fixed))
        present = rng.random(size) < self.P
        keys = np.where(present, rng.choice(self.asked, size=size), rng.choice(fixed, size=size))
        texts = self.world.documents(size, rng)
        if self.changed:
            home = texts[rows, keys, 0, 2] - FIRST_VALUE + rng.integers(1, VALUES, size=size)
            texts[rows, keys, 0, 2] = FIRST_VALUE + home % VALUES
        chosen = self.distractors(texts, keys, rng)
        if self.documents:
            at = rng.integers(self.documents, size=size)
            chosen[rows[present], at[present]] = texts[rows, keys, 0][present]
        return questions(chosen, keys, texts[rows, keys, 0, 2])

    def distractors(self, texts, keys, rng):
        """Shapes: texts (size, ANIMALS, TOPICS, FIELDS), keys (size,), the result (size, n, FIELDS)

        None is there twice.
        """
        rows = np.arange(len(texts))[:, None]
        if self.near:
            order = np.argsort(rng.random((len(texts), TOPICS - 1)), axis=1)
            return texts[rows, keys[:, None], 1 + order[:, : self.documents]]
        others = np.argsort(rng.random((len(texts), ANIMALS)) + np.eye(ANIMALS)[keys], axis=1)
        topics = rng.integers(TOPICS, size=(len(texts), self.documents))
        return texts[rows, others[:, : self.documents], topics]


def questions(documents, keys, answers):
    """Shapes: documents (size, n, FIELDS), keys and answers (size,)."""
    size = len(keys)
    asks = np.stack([np.full(size, ASK), keys], axis=1)
    return answered(np.concatenate([documents.reshape(size, -1), asks], axis=1), answers)


def retrieved(world, asked, size, rng):
    """Questions behind what BM25 finds in a store of every document, best first.

    Returns (the batch, whether each question's golden document was found).
    """
    keys, texts = rng.choice(asked, size=size), world.documents(size, rng)
    read, found = [], []
    for key, held in zip(keys, texts):
        held = rng.permutation(held.reshape(-1, FIELDS))
        best = held[Store(held).search((ASK, key), DOCUMENTS)]
        found.append(bool(((best[:, 0] == ANIMALS) & (best[:, 1] == key)).any()))
        read.append(best)
    return questions(np.stack(read), keys, texts[np.arange(size), keys, 0, 2]), np.array(found)


def answerable(batch, found):
    """The rows that somebody could answer: the golden document was found, or the animal is fixed.

    Its animal is a question's last word.
    """
    return rows_of(batch, np.flatnonzero(found | (batch.tokens[:, -1] < FIXED)))
