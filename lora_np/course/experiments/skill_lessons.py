"""A request that the base half understands, taught by labels, a reward or a teacher: what those
experiments share.

Two of a request's four letters call one skill and two another. Of the first skill's digits the
base, which samples, has about half right, so a reward has something to choose from. The lesson is
that the first skill is meant. Validation and test draw strings of their own, of 10⁵: a lesson of
2,560 has seen about one in forty of them.
"""

import functools
from dataclasses import dataclass

import numpy as np

from ...methods import FullFineTuning
from ...nn.functional import softmax_forward
from ...objectives import cross_entropy
from ...tasks import reference, sample_policy
from ...tasks.worlds import skills
from .common import fit
from .skill_runs import base

PROMPT = skills.SLOTS + skills.LENGTH + 1  # the slots, the digits and the arrow


@dataclass(frozen=True)
class Request:
    """Batches whose first and third letters call the skill that is meant, the others another's."""

    meant: str
    other: str

    name = property(lambda self: self.meant)

    def batch(self, size, rng):
        digits = rng.integers(skills.DIGITS, size=(size, skills.LENGTH))
        slots = skills.instruction(self.other).copy()
        slots[0::2] = skills.instruction(self.meant)[0::2]
        return skills.batch_of(np.tile(slots, (size, 1)), digits, skills.answer(self.meant, digits))


REQUESTS = [  # of all 56, some on which the base samples 0.4 to 0.6 of the digits right
    Request("copy", "rotate left"),
    Request("reverse", "rotate right"),
    Request("rotate right", "add 1"),
    Request("add 2", "add 3"),
    Request("add 3", "add 9"),
    Request("copy", "add 1"),
    Request("add 2", "add 9"),
    Request("rotate right", "add 9"),
]


def request_of(seed):
    """Another one for each of eight seeds."""
    return REQUESTS[seed % len(REQUESTS)]


def split(task, seed, name, size=500):
    """New digits with their right answers: "validation" and "test" are drawn apart."""
    return task.batch(size, np.random.default_rng([seed, 1 + ["validation", "test"].index(name)]))


def prompts(task, size, rng):
    return task.batch(size, rng).tokens[:, :PROMPT]


def digits_right(task):
    """The reward: the share of the answer's digits that are right, from 0 to 1."""

    def reward(texts, lengths):
        right = skills.answer(task.name, texts[:, skills.SLOTS : PROMPT - 1])
        return (texts[:, PROMPT:] == right).mean(axis=1)

    return reward


def rewarded(policy, task, size, group, passes, rng):
    """Endless batches for PPO: the policy's own answers, `size` at once, each read `passes` times.

    There is no price on KL: the reward is the truth, so nothing can be hacked.
    """
    while True:
        asked = prompts(task, size // group, rng)
        options = {"group": group, "beta": 0.0, "rng": rng}
        batch = sample_policy(policy, base(), digits_right(task), asked, skills.LENGTH, **options)
        for _ in range(passes):
            yield batch


def probability(model, batch):
    """How likely each right digit is, given the right ones before it; the mean over digits."""
    p, _ = softmax_forward(model(batch.tokens)[:, -skills.LENGTH :])  # (B, 5, K)
    right = batch.targets[:, -skills.LENGTH :, None]
    return float(np.take_along_axis(p, right, axis=-1).mean())


@functools.lru_cache(maxsize=8)
def teacher_of(task, seed, steps):
    """The base, fully fine-tuned on the skill's labels."""
    rng = np.random.default_rng([seed, 3])
    model = FullFineTuning().apply(base(), rng)
    fit(model, (task.batch(64, rng) for _ in range(steps)), cross_entropy, 2e-3)
    return reference(model)
