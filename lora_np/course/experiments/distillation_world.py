"""What the distillation experiment's students read: a source, two teachers, and their lessons.

The good teacher reads as much text as it likes. The erring one is as large, reads few texts, and
stops where it is best on others: it is wrong about what it never saw.
"""

import functools
from dataclasses import replace

import numpy as np

from ...nn import GPT, GPTConfig
from ...nn.functional import log_softmax, softmax_forward
from ...objectives import cross_entropy
from ...tasks import next_token, taught
from ...tasks.worlds.markov import MarkovSource
from ...train.optim import AdamW
from ...train.step import forward_backward
from .common import fit, rows_of

SYMBOLS, ORDER, LENGTH = 8, 2, 16
TEACHER = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4)
STUDENT = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=16, n_layer=1, n_head=4)
TEACHER_RATE = 8e-3
FLAT = 0.02  # a gap that falls by less than this share is flat
PATIENCE = 6  # checks without a fall before training ends


class World:
    """One seed's source, its teachers, and the texts to validate and to test on."""

    def __init__(self, seed, teacher_steps, erring_texts, erring_steps):
        rng = np.random.default_rng([seed, 0])
        self.seed, self.source = seed, MarkovSource(rng, SYMBOLS, ORDER, concentration=0.3)
        self.validation, self.test = (self.source.sample(n, LENGTH, rng) for n in (60, 200))
        good, self.student = GPT(TEACHER, rng), GPT(STUDENT, rng)
        erring = good.astype(np.float32)  # a copy: both start from the same numbers
        new = (next_token(self.source.sample(32, LENGTH, rng)) for _ in range(teacher_steps))
        fit(good, new, cross_entropy, TEACHER_RATE)
        few = next_token(self.source.sample(erring_texts, LENGTH, rng))
        batches = (some_of(few, rng) for _ in range(erring_steps))
        learn(erring, batches, cross_entropy, TEACHER_RATE, self.validate, 10)
        self.lesson = functools.cache(self.new_lesson)
        self.teachers = {"good": good, "erring": erring}
        self.gaps = {name: gap(self.source, who, self.test) for name, who in self.teachers.items()}

    def validate(self, model):
        return gap(self.source, model, self.validation)

    def new_lesson(self, teacher, n, drawn=False):
        """n texts with what the teacher thinks of every symbol; `drawn`: labels drawn from that."""
        rng = np.random.default_rng([self.seed, 1, n])
        texts = next_token(self.source.sample(n, LENGTH, rng))
        lesson = taught(self.student, self.teachers[teacher], texts)
        if not drawn:
            return lesson
        reached = softmax_forward(lesson.teacher_logits)[0].cumsum(axis=-1)  # (n, T, K)
        symbols = (rng.random((*lesson.tokens.shape, 1)) >= reached).sum(axis=-1)
        return replace(lesson, targets=np.minimum(symbols, SYMBOLS - 1))

    def batches(self, lesson, steps):
        """The same rows in the same order for every way of teaching."""
        rng = np.random.default_rng([self.seed, 2, len(lesson)])
        return (some_of(lesson, rng) for _ in range(steps))


# A process is given cells of one way and all seeds before those of the next.
world_of = functools.lru_cache(maxsize=8)(World)


def learn(model, batches, objective, lr, validate, every):
    """Train at one rate until the validated gap turns or is flat, and go back to its best.

    Returns (the validated gaps, one every `every` steps from 0 on, the step of the best one).
    """
    optimizer = AdamW(model.trainable_parameters(), lr, weight_decay=0.0)
    curve, best, at, last_fall = [validate(model)], weights(model), 0, 0
    for step, batch in enumerate(batches, start=1):
        forward_backward(model, batch, objective)
        optimizer.step()
        if step % every:
            continue
        curve.append(validate(model))
        if curve[-1] < curve[at]:
            if curve[-1] < (1 - FLAT) * curve[last_fall]:
                last_fall = len(curve) - 1
            at, best = len(curve) - 1, weights(model)
        if len(curve) - 1 - last_fall >= PATIENCE:
            break
    for parameter, data in zip(model.parameters(), best):
        parameter.data[...] = data
    return curve, at * every


def weights(model):
    return [parameter.data.copy() for parameter in model.parameters()]


def some_of(batch, rng, size=32):
    """A batch of `size` of its rows, drawn anew; all of them where there are no more."""
    return rows_of(batch, rng.permutation(len(batch))[:size])


def gap(source, model, texts):
    """KL(truth ‖ model) in nats a symbol, from the second symbol on, where the truth is known."""
    truth = source.after(texts)  # (B, T − 1, K)
    logp = log_softmax(model(texts))[:, ORDER - 1 :]
    logtruth = np.log(np.maximum(truth, 1e-300))
    return round(float((truth * (logtruth - logp)).sum(axis=-1).mean()), 5)
