"""Retrieved documents: a question behind what a retriever found, and RAFT's training texts of it.

    fox lima . newt oslo . crab rome . ? newt  →  oslo

The golden document holds the answer, distractors do not. RAG puts documents before the question
when the model is used, and trains nothing. RAFT (Zhang et al. 2024, arXiv 2403.10131, §3) trains on
such texts, and leaves the golden document out of some of them. RAFT's answers also argue and
quote, which one word cannot.
"""

from dataclasses import dataclass

import numpy as np

from ...system.checks import check_fields, check_real
from ..batch import Batch, classification

KEYS, VALUES = 16, 10
WORDS = (
    "fox newt crab heron lynx moth otter swan toad vole wren yak zebra ibex koala shrew "
    "lima oslo rome cairo delhi quito paris accra seoul perth . ?"
).split()
FIRST_VALUE, STOP, ASK = KEYS, KEYS + VALUES, KEYS + VALUES + 1
VOCABULARY = len(WORDS)


def fact(key, value):
    """The document that says where an animal lives: key, value, stop."""
    return np.array([key, FIRST_VALUE + value, STOP])


def words(tokens):
    """Tokens as readable text."""
    return " ".join(WORDS[token] for token in tokens)


def choose_documents(golden, distractors, n, P, rng):
    """n documents: with probability P the golden one among n − 1 distractors, else n distractors.

    The golden one stands at each of the n places equally often, and distractors are drawn without
    repetition (Zhang et al. 2024, §3).
    """
    check_real("expected P, the share with the golden document,", P, "from 0 to 1")
    if not 1 <= n <= len(distractors):
        raise ValueError(f"expected n from 1 to {len(distractors)}, the distractors, got {n!r}")
    present = bool(rng.random() < P)
    drawn = rng.permutation(len(distractors))[: n - present]
    chosen = [distractors[i] for i in drawn]
    if present:
        chosen.insert(rng.integers(n), golden)
    return chosen


def reading(documents, question, n_positions):
    """The tokens to read, (T,): the documents one after the other, then the question."""
    filled = len(question)
    for i, document in enumerate(documents):
        filled += len(document)
        if filled > n_positions:
            raise ValueError(
                f"document {i} has {len(document)} tokens and the question {len(question)}: with "
                f"what stands before, {filled} tokens are more than the context's {n_positions}"
            )
    return np.concatenate([*documents, question])


@dataclass(frozen=True)
class World:
    """Where the animals live. Some never move: `fixed` has the values of the first keys.

    The others live elsewhere each time, so that only a document can tell.
    """

    fixed: tuple[int, ...]

    def __post_init__(self):
        if not 1 <= len(self.fixed) <= KEYS or not all(0 <= v < VALUES for v in self.fixed):
            raise ValueError(
                f"World: expected 1 to {KEYS} values from 0 to {VALUES - 1}, got {self.fixed}"
            )

    def documents(self, rng):
        """A document a key, in the keys' order."""
        values = rng.integers(VALUES, size=KEYS)
        values[: len(self.fixed)] = self.fixed
        return [fact(key, value) for key, value in enumerate(values)]


@dataclass(frozen=True)
class Raft:
    """Batches of questions on the keys `asked`, the golden document there in a share P of them.

    P = 1 is reading with the document always there; P = 0 always leaves it out, and then only what
    never changes can be learnt, by heart. `changed` lets the golden document, and so the answer,
    differ from what is fixed: only for scoring, it tells reading from reciting.
    """

    world: World
    P: float
    asked: range = range(KEYS)
    n_documents: int = 3
    n_positions: int = 32
    changed: bool = False

    def __post_init__(self):
        check_fields(self, P="from 0 to 1")
        if not self.asked or not 0 <= min(self.asked) <= max(self.asked) < KEYS:
            raise ValueError(f"Raft: expected keys from 0 to {KEYS - 1}, got {self.asked}")
        if self.n_documents >= KEYS:
            raise ValueError(f"Raft: expected 1 to {KEYS - 1} documents, got {self.n_documents!r}")
        reading([fact(0, 0)] * self.n_documents, [ASK, 0], self.n_positions)

    def batch(self, size, rng):
        """Shapes: tokens (size, 3·n_documents + 2), the answer the last position's target."""
        texts, answers = [], []
        for _ in range(size):
            documents = self.world.documents(rng)
            key = self.asked[rng.integers(len(self.asked))]
            golden, distractors = documents[key], documents[:key] + documents[key + 1 :]
            if self.changed:
                golden = another(golden, rng)
            chosen = choose_documents(golden, distractors, self.n_documents, self.P, rng)
            texts.append(reading(chosen, [ASK, key], self.n_positions))
            answers.append(golden[1])
        return answered(np.stack(texts), np.array(answers))


def another(document, rng):
    """A document about the same key with another value."""
    key, value, _ = document
    return fact(key, (value - FIRST_VALUE + rng.integers(1, VALUES)) % VALUES)


def answered(texts, answers):
    """The batch whose only target that counts is each text's answer, at its last position."""
    return classification(texts, np.full(len(texts), texts.shape[1]), answers)


def lookups(size, rng, n_documents=3, n_questions=5):
    """What the reading base reads: documents with values drawn anew, then questions on them.

    Every question's answer counts, and several questions a text are what makes lookup emerge: each
    text then rewards reading more than once.
    Shapes: tokens (size, 3·(n_documents + n_questions) − 1).
    """
    keys = rng.permuted(np.tile(np.arange(KEYS), (size, 1)), axis=1)[:, :n_documents]
    values = FIRST_VALUE + rng.integers(VALUES, size=(size, n_documents))
    stops = np.full((size, n_documents), STOP)
    documents = np.stack([keys, values, stops], axis=2).reshape(size, -1)
    which = rng.integers(n_documents, size=(size, n_questions))
    rows = np.arange(size)[:, None]
    asks = np.full((size, n_questions), ASK)
    questions = np.stack([asks, keys[rows, which], values[rows, which]], axis=2).reshape(size, -1)
    text = np.concatenate([documents, questions], axis=1)
    weights = np.zeros(text.shape, np.float32)
    weights[:, 3 * n_documents + 2 :: 3] = 1.0  # "? key value": the value is the answer
    return Batch(text[:, :-1], text[:, 1:], weights[:, 1:])


def accuracy(model, batch):
    """The share of targets that count for which the likeliest token is the right one."""
    counts = batch.weights > 0
    return float((model(batch.tokens).argmax(axis=-1) == batch.targets)[counts].mean())
