"""What lesson 9 says of a new token: its row calls up what the base can do, and nothing else."""

import numpy as np
import pytest

from lora_np.course.experiments.bases import SKILLS
from lora_np.course.experiments.skill_runs import adapt
from lora_np.methods import TrainableTokens
from lora_np.tasks.worlds import skills

NEW, RNG = skills.VOCABULARY, np.random.default_rng


class Called(skills.Skill):
    def batch(self, size, rng):
        batch = super().batch(size, rng)
        batch.tokens[:, 0] = NEW
        return batch


def taught(base, task, seed):
    """Right by the new token, and by the letters."""
    model = TrainableTokens((NEW,)).apply(base)
    adapt(model, Called(task), 100, 0.1, RNG(seed), batch_size=32)
    by_token = Called(task).batch(200, RNG(1))
    by_letters = skills.mixed_batch(500, RNG(2))
    right = skills.accuracy(model, by_token), skills.accuracy(model, by_letters)
    assert np.array_equal(model(by_letters.tokens)[..., :NEW], base(by_letters.tokens))
    return right


@pytest.mark.every_kernel
def test_it_reverses_and_does_not_add_5():
    """Nor does it take away what the letters mean, but that the head may now say it too."""
    base = SKILLS.load()
    assert (
        skills.accuracy(TrainableTokens((NEW,)).apply(base), Called("reverse").batch(200, RNG(1)))
        < 0.1
    )
    reverses, adds = (
        np.array([taught(base, task, s) for s in range(3)]) for task in ("reverse", "add 5")
    )
    assert (reverses.min(axis=0) > (0.8, 0.98)).all(), reverses
    assert (adds.max(axis=0) < (0.05, 0.98)).all() and adds[:, 1].min() > 0.8, adds
    for right in (reverses[:, 0] - 0.8, 0.98 - adds[:, 1]):
        assert right.mean() > 3 * right.std(ddof=1), right
