"""What a reward, a teacher and labels teach: splits, budgets, pairs, and words from the numbers."""

import copy
import functools
import json
import re

import numpy as np
import pytest

from lora_np.analysis.plots import png
from lora_np.course.experiments import few_numbers, on_policy, skill_lessons
from lora_np.generation import generate
from lora_np.tasks.worlds import skills

RNG = np.random.default_rng
REQUEST = skill_lessons.REQUESTS[0]


@functools.cache
def numbers(module):
    """As it is stored: two seeds, quick, untuned, the second the first over again but for noise."""
    found = json.loads(json.dumps(module.run(quick=True)))
    for how in found["ways"].values():
        how["runs"].append(copy.deepcopy(how["runs"][0]))
    return found | {"seeds": 2}


def test_the_splits_are_drawn_apart_and_are_every_ways_own():
    first = skill_lessons.split(REQUEST, 0, "validation")
    again, test = (skill_lessons.split(REQUEST, 0, name) for name in ("validation", "test"))
    assert np.array_equal(first.tokens, again.tokens)
    assert not np.array_equal(first.tokens, test.tokens)


def test_a_request_mixes_two_skills_letters():
    batch = REQUEST.batch(3, RNG(0))
    ours, others = (skills.instruction(name) for name in (REQUEST.meant, REQUEST.other))
    assert (batch.tokens[:, :4] == [ours[0], others[1], ours[2], others[3]]).all()
    digits = batch.tokens[:, 4:9]
    assert np.array_equal(batch.targets[:, -5:], skills.answer(REQUEST.meant, digits))


@pytest.mark.every_kernel
@pytest.mark.parametrize("request_", skill_lessons.REQUESTS, ids=lambda r: f"{r.meant}, {r.other}")
def test_the_base_is_right_about_half_of_the_time(request_):
    """So a reward has something to choose from: no training decides this."""
    asked = skill_lessons.prompts(request_, 200, RNG(0))
    texts = generate(skill_lessons.base(), asked, skills.LENGTH, temperature=1.0, rng=RNG(1))
    assert 0.3 < skill_lessons.digits_right(request_)(texts, None).mean() < 0.75


def test_the_reward_is_the_share_of_right_digits():
    batch = REQUEST.batch(4, RNG(0))
    texts = np.concatenate([batch.tokens, batch.targets[:, -1:]], axis=1)
    texts[1, -1], texts[2, -5:] = 11, 11  # no digit
    assert np.allclose(skill_lessons.digits_right(REQUEST)(texts, None), [1, 0.8, 0, 1])


def test_probability_is_of_the_right_digit():
    class Sure:
        def __call__(self, tokens):
            return 50.0 * np.eye(skills.VOCABULARY)[batch.targets]

    batch = REQUEST.batch(4, RNG(0))
    assert np.isclose(skill_lessons.probability(Sure(), batch), 1)
    batch.targets[0, -1] = (batch.targets[0, -1] + 1) % 10
    right = skill_lessons.probability(lambda tokens: np.zeros((4, 14, 24)), batch)
    assert np.isclose(right, 1 / 24)


@pytest.mark.parametrize("teacher", few_numbers.TEACHERS)
def test_either_teacher_shows_as_many_texts(teacher):
    rng, cell = RNG(0), few_numbers.QUICK
    model = few_numbers.METHODS["LoRA r 1"][0].apply(skill_lessons.base(), rng)
    batches, _ = few_numbers.lessons(teacher, model, REQUEST, cell, rng)
    assert len(next(batches)) == cell["texts"]


@pytest.mark.parametrize("way", on_policy.RATES)
def test_every_way_has_as_many_tokens(way):
    rng, cell = RNG(0), {**on_policy.QUICK, "seed": 0}
    model = on_policy.STUDENT.apply(skill_lessons.base(), rng)
    batches = on_policy.texts_of(way, model, on_policy.skill_of(0), cell, rng)
    assert next(batches).weights.sum() == cell["texts"] * skills.LENGTH


@pytest.mark.long
@pytest.mark.parametrize("module", [few_numbers, on_policy], ids=lambda module: module.__name__)
def test_words_and_figures_come_from_the_numbers(module):
    found = numbers(module)
    again = module.table(json.loads(json.dumps(found)))
    assert "too short to conclude" in again and "arXiv" in again and "not tuned" in again
    assert png(module.figure(found)) and len(module.alt_text(found)) > 80
    assert all(way in found["ways"] for way in module.RATES)


def three_seeds(found, ways, measure):
    """`found` with three seeds, in which the ways' scores are as said, a little apart by seed."""
    found = copy.deepcopy(found)
    for way, value in ways.items():
        run = found["ways"][way]["runs"][0]
        found["ways"][way]["runs"] = [{**run, measure: value + 0.001 * k} for k in range(3)]
    return found | {"seeds": 3}


def test_the_verdict_on_few_numbers_turns_with_the_numbers():
    found = numbers(few_numbers)
    names = list(few_numbers.METHODS)
    high = {f"{name}; reward": 0.99 for name in names} | {f"{name}; labels": 0.6 for name in names}
    high |= {"LoRA r 4; labels": 0.99, "full; labels": 0.99}
    for run in (run for way in found["ways"].values() for run in way["runs"]):
        run["before"] = 0.5
    said = few_numbers.verdict(three_seeds(found, high, "probability"))
    assert "under labels 4,096, under reward 1" in said and "as found there" in said
    same = {way: 0.99 for way in high}
    said = few_numbers.verdict(three_seeds(found, same, "probability"))
    assert "1 times as many" in said and "not the 100" in said and "not told apart" in said


def test_the_verdict_on_on_policy_turns_with_the_numbers():
    found, ways = numbers(on_policy), list(on_policy.RATES)
    rising = {way: 0.1 * k for k, way in enumerate(ways)}
    up, down = (
        on_policy.verdict(three_seeds(found, scores, "mean"))
        for scores in (rising, {way: -value for way, value in rising.items()})
    )
    assert re.search("3 of 3 +above", up) and re.search("3 of 3 +below", down)


@pytest.mark.every_kernel
def test_a_run_repeats():
    cell = {**few_numbers.QUICK, "way": "TinyLoRA, 4; reward", "lr": 0.1, "seed": 1}
    one, two = (few_numbers.one_run(cell) for _ in range(2))
    assert {**one, "cpu_ms": 0} == {**two, "cpu_ms": 0}
    other = few_numbers.one_run({**cell, "seed": 2})
    assert other["probability"] != one["probability"]
