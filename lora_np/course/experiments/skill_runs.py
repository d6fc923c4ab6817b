"""What the studies on the base of skills share: strings that are kept apart, and one training run.

There are 10⁵ strings of five digits. A seed shuffles them once: the first are for validation, the
next for the test, and training draws from all others. So no string is in two of the three.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np

from ...objectives import cross_entropy
from ...system.platform import cpu_seconds
from ...tasks.worlds import skills
from ...train.optim import AdamW
from .bases import SKILLS

HELD = 1000  # strings for validation, and as many for the test


@functools.lru_cache
def base():
    """The committed base, loaded once a process: methods train their own copy, or beside it."""
    return SKILLS.load()


@functools.lru_cache(maxsize=8)
def shuffled(seed):
    """Every string of digits once, in the seed's order  (10⁵, 5)."""
    numbers = np.random.default_rng([seed, 1]).permutation(skills.DIGITS**skills.LENGTH)
    return numbers[:, None] // skills.DIGITS ** np.arange(skills.LENGTH) % skills.DIGITS


@dataclass(frozen=True, eq=False)
class Strings:
    """Strings with their answers, and no letters before them.  Shapes: digits, answers (N, 5)."""

    digits: np.ndarray
    answers: np.ndarray

    def rows(self, at=slice(None)):
        """The Batch of the strings at these numbers."""
        digits = self.digits[at]
        slots = np.full((len(digits), skills.SLOTS), skills.BLANK)
        return skills.batch_of(slots, digits, self.answers[at])

    def batch(self, size, rng):
        return self.rows(rng.integers(len(self.digits), size=size))


def splits(answer, seed, held=HELD):
    """(Strings to train on, a Batch for validation, one for the test), with `answer(digits)`."""
    digits = shuffled(seed)
    parts = (digits[2 * held :], digits[:held], digits[held : 2 * held])
    train, validation, test = (Strings(part, answer(part)) for part in parts)
    return train, validation.rows(), test.rows()


def renamed(seed, held=HELD):
    """The splits of a task new to the base: a table of the seed's own renames each digit.

    Its loss falls smoothly with the rate and the steps; on "reverse, then add 1" it depends on
    whether a run, by chance, has just learnt to do the two in a row.
    """
    table = np.random.default_rng([seed, 3]).permutation(skills.DIGITS)
    return splits(lambda digits: table[digits], seed, held)


def adapt(model, task, steps, lr, rng, batch_size=64):
    """Train what trains; returns the processor's milliseconds for the median step.

    Raises: FloatingPointError where the loss is not finite.
    """
    optimizer, times = AdamW(model.trainable_parameters(), lr), []
    for step in range(steps):
        batch = task.batch(batch_size, rng)
        start = cpu_seconds()
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss is {loss} at step {step} with rate {lr}")
        model.backward(dlogits, cache)
        optimizer.rate = min(1.0, 2 * (1 - step / steps))  # the second half slows to a stop
        optimizer.step()
        times.append(cpu_seconds() - start)
    return 1000 * float(np.median(times))


def loss_on(model, batch):
    """The mean loss of a digit, in nats."""
    return cross_entropy(model(batch.tokens), batch)[0]


def trained(model):
    return sum(p.size for p in model.trainable_parameters())
