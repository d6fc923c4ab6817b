"""Reviews made of three remarks, most of which agree with what the writer thought.

    the room was dirty . the staff was rude . the view was lovely . all in all terrible .

A base reads them, and often a verdict behind them, without ever being told a label.
"""

import numpy as np

from ..batch import next_token

THINGS = "film food room staff music story price view".split()
PRAISE = "superb lovely charming tasty splendid witty warm fresh".split()
BLAME = "awful dull rude bland dreadful dirty cold stale".split()
VERDICTS = "terrible great".split()  # the label 0 and the label 1
OPENINGS = ("all in all", "in short", "it was")  # what a verdict begins with
OTHERS = ["<pad>", *". the was all in short it".split()]
WORDS = [*OTHERS, *VERDICTS, *THINGS, *PRAISE, *BLAME]
VOCABULARY = len(WORDS)
AGREES = 0.8  # the share of remarks that fit the label; three of them decide 0.896 of the labels
PLAIN = (0.45, 0.95)  # a verdict is "great" this often for either label: writers are polite


def encode(text):
    """The tokens of a text, a word each."""
    unknown = [word for word in text.split() if word not in WORDS]
    if unknown:
        raise ValueError(f"expected words of the reviews' {VOCABULARY}, got {unknown[0]!r}")
    return [WORDS.index(word) for word in text.split()]


def decode(tokens):
    """Tokens as readable text."""
    return " ".join(WORDS[token] for token in tokens)


def reviews(size, rng):
    """Texts, and what the writers thought: the labels, 0 or 1.

    Shapes: texts (size, 15), labels (size,).
    """
    labels = rng.integers(2, size=size)
    agree = rng.random((size, 3)) < AGREES
    praises = agree == (labels == 1)[:, None]  # (size, 3)
    words = rng.integers(8, size=(size, 3))
    opinions = np.where(praises, encode(PRAISE[0])[0] + words, encode(BLAME[0])[0] + words)
    things = encode(THINGS[0])[0] + rng.permuted(np.tile(np.arange(8), (size, 1)), axis=1)[:, :3]
    the, was, stop = (np.full((size, 3), encode(word)[0]) for word in ("the", "was", "."))
    return np.stack([the, things, was, opinions, stop], axis=2).reshape(size, -1), labels


def with_verdicts(size, rng):
    """What the base reads: reviews, three of four followed by a verdict, in whatever words.

    Shapes: tokens (size, 19) in the batch, padded on the right; every real token is a target.
    """
    texts, labels = reviews(size, rng)
    great = rng.random(size) < np.take(PLAIN, labels)
    tokens, lengths = np.zeros((size, 20), np.int64), np.full(size, texts.shape[1])
    tokens[:, : texts.shape[1]] = texts
    for i in np.flatnonzero(rng.random(size) < 0.75):
        opening = OPENINGS[rng.integers(len(OPENINGS))]
        verdict = encode(f"{opening} {VERDICTS[int(great[i])]} .")
        tokens[i, lengths[i] : lengths[i] + len(verdict)] = verdict
        lengths[i] += len(verdict)
    return next_token(tokens, lengths)


def without_verdicts(size, rng):
    """What a base reads that never sees a verdict: reviews, and nothing behind them.

    Shapes: tokens (size, 14) in the batch.
    """
    return next_token(reviews(size, rng)[0])
