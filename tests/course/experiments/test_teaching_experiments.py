"""The experiments on what teaches, in miniature: they run, repeat, and say what they found."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

from lora_np.analysis.plots import png
from lora_np.course.experiments import judge_quality, rlhf
from lora_np.course.experiments.rlhf_world import (
    Size,
    World,
    ascents,
    breaks_the_rule,
    safe_ascents,
)
from lora_np.tasks import reward_of

TINY_RLHF = Size(40, 5, 3, 3, 2, 20, (0.0, 0.1), 60, 21, 3)
RNG = np.random.default_rng


@functools.cache
def tiny_rlhf(seed):
    return rlhf.one_seed(seed, TINY_RLHF)


MINIATURES = {rlhf: (tiny_rlhf, {})}


@pytest.mark.long
@pytest.mark.parametrize("module", MINIATURES, ids=lambda module: module.__name__)
def test_in_miniature(module):
    """Seeds differ, a seed repeats, and table, figure and text come from the stored numbers."""
    one_seed, settings = MINIATURES[module]
    again = getattr(one_seed, "__wrapped__", one_seed)  # not what was kept
    runs = [dict(one_seed(0)), dict(one_seed(1)), dict(again(0))]
    for run in runs:
        run.pop("CPU seconds", None)
    assert runs[0] == runs[2] and runs[0] != runs[1]
    stored = json.loads(json.dumps({"quick": True, "runs": runs[:2], **settings}))
    for run in stored["runs"]:
        run["CPU seconds"] = 1.0
    table = module.table(stored)
    assert "±" in table and "et al." in table and "too short to conclude" in table
    assert png(module.figure(stored)) and len(module.alt_text(stored)) > 80


@pytest.mark.long
def test_judges_in_miniature():
    """The pairs of one seed start alike, and the figure and its text come from them."""
    runs = [tiny_rlhf(seed) for seed in (0, 1)]
    assert list(runs[0]["judges"]) == [str(quality) for quality in judge_quality.QUALITIES]
    assert png(judge_quality.figure(runs)) and len(judge_quality.alt_text(runs)) > 80


def test_hidden_rewards():
    strings = np.array([[0, 1, 2, 2, 1], [5, 0, 1, 0, 1], [0, 5, 0, 5, 0]])
    assert np.array_equal(ascents(strings), [2, 2, 2])
    assert np.array_equal(breaks_the_rule(strings), [False, False, True])  # a prompt may have it
    assert np.array_equal(safe_ascents(strings), [2, 2, -1])


def test_pairs_share_their_prompt_and_are_ordered():
    world = World(TINY_RLHF, RNG(0))
    pairs = world.draw_pairs(50, ascents, 0)
    assert np.array_equal(pairs[0::2, 0], pairs[1::2, 0])
    assert (ascents(pairs[0::2]) >= ascents(pairs[1::2])).all()


@pytest.mark.every_kernel
def test_a_judge_is_kept_as_it_was_and_its_rewards_have_one_size():
    world = World(replace(TINY_RLHF, samples=300), RNG(0))
    test = judge_quality.clean_pairs(world)
    kept = []
    for quality, pairs, judge in judge_quality.better_and_better(world, test):
        kept.append((quality, pairs, judge, judge_quality.agreement(judge, test)))
    assert [quality for quality, *_ in kept] == list(judge_quality.QUALITIES)
    assert kept[-1][1] == 21 * judge_quality.AT_ONCE, "0.9 takes longer than this"
    texts = world.complete(world.reference, RNG(1).integers(6, size=(2000, 1)))
    for quality, pairs, judge, agreed in kept:
        assert judge_quality.agreement(judge, test) == agreed, "later steps do not change it"
        assert agreed >= quality or pairs == kept[-1][1]
        assert 0.8 < reward_of(judge, texts).std() < 1.25


def test_what_is_measured_of_a_pair():
    """Peak, end and difference, by hand; and a clean pair has its better text first."""
    free, held = [3.5, 4.0, 3.0, 2.0], [3.0, 3.2, 3.4, 3.6]
    judge = {"pairs": 64, "agreement": 0.7, "0.0": {"true": free}, "0.1": {"true": held}}
    runs = [{"reference": {"true": 3.0}, "judges": {"0.7": judge}}]
    found = {name: round(float(v[0]), 9) for name, v in judge_quality.measures(runs, "0.7").items()}
    assert found == {
        "pairs": 64,
        "agreement": 0.7,
        "peak": 1.0,
        "at": 15,
        "end": -0.5,
        "held": 0.5,
        "fall": 1.5,
        "gain": 1.0,
    }
    world = World(TINY_RLHF, RNG(0))
    pairs = judge_quality.clean_pairs(world)
    assert (ascents(pairs[0::2]) > ascents(pairs[1::2])).all()
