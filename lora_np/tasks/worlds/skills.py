"""Skills: five digits in, five digits out, and an instruction that says what to do with them.

    a b c d   3 1 4 1 5  →  5 1 4 1 3        four slots, the digits, an arrow, the answer

A base learns several skills, each called by its own letters. A method can then be asked for a
skill the base has (with the slots blank, so that nothing calls it) or for one it never saw.
"""

from dataclasses import dataclass

import numpy as np

from ..batch import Batch

DIGITS, SLOTS, LENGTH = 10, 4, 5
ARROW, BLANK, FIRST_LETTER = 10, 11, 12
VOCABULARY = 24  # ten digits, the arrow, the blank, and twelve letters

# Each skill is a pair: where an answer's digits come from, and what is added to each, modulo 10.
KNOWN = {
    "copy": ((0, 1, 2, 3, 4), 0), "reverse": ((4, 3, 2, 1, 0), 0),
    "rotate left": ((1, 2, 3, 4, 0), 0), "rotate right": ((4, 0, 1, 2, 3), 0),
    "add 1": ((0, 1, 2, 3, 4), 1), "add 2": ((0, 1, 2, 3, 4), 2),
    "add 3": ((0, 1, 2, 3, 4), 3), "add 9": ((0, 1, 2, 3, 4), 9),
}  # fmt: skip
NEW = {"add 5": ((0, 1, 2, 3, 4), 5), "reverse, then add 1": ((4, 3, 2, 1, 0), 1)}
SKILLS = KNOWN | NEW


def instruction(skill):
    """The four letters that call a known skill; no two skills share a letter in any slot."""
    at = list(KNOWN).index(skill)
    return FIRST_LETTER + (at + 3 * np.arange(SLOTS)) % (VOCABULARY - FIRST_LETTER)


def answer(skill, digits):
    """What the skill makes of digits (B, 5)."""
    order, added = SKILLS[skill]
    return (digits[:, order] + added) % DIGITS


def batch_of(slots, digits, answers):
    """Batch whose five targets are the answer's digits, each given those before it.

    Shapes: slots (B, 4), digits and answers (B, 5), tokens (B, 14).
    """
    arrow = np.full((len(digits), 1), ARROW)
    text = np.concatenate([slots, digits, arrow, answers], axis=1)  # (B, 15)
    weights = np.zeros((len(text), text.shape[1] - 1), np.float32)
    weights[:, -LENGTH:] = 1.0
    return Batch(text[:, :-1], text[:, 1:], weights)


@dataclass(frozen=True)
class Skill:
    """Batches of one skill with blank slots: the digits alone say nothing of what is wanted."""

    name: str

    def __post_init__(self):
        if self.name not in SKILLS:
            raise ValueError(f"expected a skill among {', '.join(SKILLS)}; got {self.name!r}")

    def batch(self, size, rng):
        digits = rng.integers(DIGITS, size=(size, LENGTH))
        return batch_of(np.full((size, SLOTS), BLANK), digits, answer(self.name, digits))


def mixed_batch(size, rng, blank=0.3):
    """What the base reads: a known skill for each row, called by its letters.

    Each slot is blanked with probability `blank`, but never all four of a row.
    """
    which = rng.integers(len(KNOWN), size=size)
    digits = rng.integers(DIGITS, size=(size, LENGTH))
    slots = np.stack([instruction(skill) for skill in KNOWN])[which]
    hidden = rng.random((size, SLOTS)) < blank
    hidden[np.arange(size), rng.integers(SLOTS, size=size)] = False
    slots[hidden] = BLANK
    answers = np.stack([answer(skill, digits) for skill in KNOWN])[which, np.arange(size)]
    return batch_of(slots, digits, answers)


def accuracy(model, batch):
    """The share of rows whose digits are each the likeliest, given the right ones before it:
    greedy generation's own accuracy.
    """
    guessed = model(batch.tokens)[:, -LENGTH:].argmax(axis=-1)
    return float((guessed == batch.targets[:, -LENGTH:]).all(axis=1).mean())
