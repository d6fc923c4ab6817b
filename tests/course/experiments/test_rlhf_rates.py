"""RLHF by the protocol: rates from another world, seeds as cells, policies begun alike."""

import json

import numpy as np
import pytest

from lora_np.course.experiments import rlhf, rlhf_world
from lora_np.course.experiments.protocol import TUNING_SEEDS
from lora_np.tasks import dpo_pairs

TINY = rlhf_world.Size(40, 3, 3, 2, 2, 20, (0.0, 0.1), 60, 11, 2)


@pytest.fixture
def tiny(monkeypatch):
    for module in (rlhf, rlhf_world):
        monkeypatch.setattr(module, "Size", lambda: TINY)
    monkeypatch.setattr(rlhf, "TRIALS", 3)


@pytest.mark.long
def test_rates_are_tuned_on_a_seed_that_is_not_reported(tiny, monkeypatch):
    asked, one_rate = [], rlhf.one_rate
    monkeypatch.setattr(rlhf, "one_rate", lambda cell: asked.append(cell) or one_rate(cell))
    found = json.loads(json.dumps(rlhf.run(seeds=2)))
    assert {cell["seed"] for cell in asked} == set(TUNING_SEEDS)
    assert sorted(cell["way"] for cell in asked) == 3 * ["DPO"] + 3 * ["PPO"]
    assert [run["seed"] for run in found["runs"]] == [0, 1]
    for how in found["rates"].values():
        assert len(how["tried"]) == 3
    assert "Rates, tuned at beta 0.1" in rlhf.table(found)


@pytest.mark.long
def test_quick_tunes_nothing(monkeypatch):
    monkeypatch.setattr(rlhf, "QUICK", TINY)
    found = rlhf.run(quick=True)
    assert {kind: how["lr"] for kind, how in found["rates"].items()} == rlhf_world.RATES
    assert "not tuned" in rlhf.table(found)


@pytest.mark.every_kernel
def test_a_score_does_not_hang_on_what_ran_before():
    """The world is kept, and each part of it sets the rng: twice the same, in any order."""
    one = rlhf.one_seed(3, TINY)
    world, _, judge, _ = rlhf.learnt(3, TINY)
    world.rng = np.random.default_rng([3, 3])
    assert world.ppo(judge, 0.1, TINY.iterations) == one["PPO"]["0.1"]


@pytest.mark.every_kernel
def test_what_the_reference_says_is_asked_once_and_is_the_same():
    world, pairs, _, _ = rlhf.learnt(3, TINY)
    policy = rlhf_world.POLICY.apply(world.reference, np.random.default_rng(0))
    whole = dpo_pairs(policy, world.reference, pairs, prompt_length=1)
    at = world.some_rows(len(whole), 5)
    some = rlhf_world.rows_of(whole, at)
    fresh = dpo_pairs(policy, world.reference, pairs[at], prompt_length=1)
    assert np.array_equal(some.tokens, fresh.tokens) and some.total == fresh.total == 5
    assert np.allclose(some.reference_logprobs, fresh.reference_logprobs, atol=1e-5)
