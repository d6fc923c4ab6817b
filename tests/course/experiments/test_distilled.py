"""Distillation and context distillation: what their cells share, and what they say of numbers."""

import functools
import json
import re

import numpy as np
import pytest

from lora_np.analysis.plots import png
from lora_np.course.experiments import context, distillation
from lora_np.course.experiments.distillation_world import (
    LENGTH,
    ORDER,
    PATIENCE,
    STUDENT,
    SYMBOLS,
    learn,
)
from lora_np.nn import GPT
from lora_np.tasks.worlds.markov import MarkovSource

TINY_DISTILLATION = distillation.Size(3, 8, 10, 20, (4, 8), trials=0)
RNG = np.random.default_rng


@functools.cache
def taught_in_miniature(module):
    """Two seeds of every way, at sizes that teach nothing."""
    patch = pytest.MonkeyPatch()
    patch.setattr(context, "BATCH", 4)
    patch.setattr(context, "VALIDATED", 8)
    if module is distillation:
        numbers = distillation.run(2, size=TINY_DISTILLATION)
    else:
        patch.setattr(context, "SIZES", {"steps": 4, "tried": 3})
        patch.setattr(context, "TRIALS", 0)
        numbers = context.run(2)
    patch.undo()
    return numbers


@pytest.mark.long
@pytest.mark.parametrize("module", [context, distillation], ids=lambda module: module.__name__)
def test_taught_in_miniature(module):
    """Seeds differ, and table, figure and text come from the stored numbers."""
    numbers = taught_in_miniature(module)
    stored = json.loads(json.dumps({**numbers, "quick": True}))
    one, two = stored["runs"]
    assert one["students"].keys() == two["students"].keys() and one != two
    table = module.table(stored)
    assert "±" in table and "et al." in table and "too short to conclude" in table
    assert "arXiv" in module.verdict(stored)
    assert png(module.figure(stored)) and len(module.alt_text(stored)) > 80
    assert all(way in table for way in one["students"])


@pytest.mark.long
@pytest.mark.parametrize("module", [context, distillation], ids=lambda module: module.__name__)
def test_a_verdict_follows_its_numbers(module):
    """Three seeds that agree are told apart; with the columns exchanged the sign turns."""
    stored = json.loads(json.dumps(taught_in_miniature(module)))
    ours, theirs, column = (
        (context.HELD, context.FREE, "others")
        if module is context
        else ("teacher, τ = 1", distillation.HARD, "end")
    )
    said = []
    for low, high in ((0.25, 0.75), (0.75, 0.25)):
        runs = [json.loads(json.dumps(stored["runs"][0])) for _ in range(3)]
        for run in runs:
            for way, value in ((ours, low), (theirs, high)):
                found = run["students"][way]
                for each in [found] if module is context else found.values():
                    each[column] = value
        said.append(module.verdict({**stored, "runs": runs}))
    rows = [re.findall(r"([+-]0\.5) ± 0 +3 of 3 +(above|below)", words) for words in said]
    assert ("-0.5", "below") in rows[0] and ("+0.5", "above") in rows[1]


def tiny_world(seed=0):
    return distillation.world_of(seed, 3, 8, 10)


@pytest.mark.every_kernel
def test_a_seed_of_distillation_repeats_and_its_ways_share_their_texts():
    """Validation, test and lessons are texts of their own; draws change the labels only."""
    world = tiny_world()
    soft, drawn = (world.lesson("erring", 4, drawn) for drawn in (False, True))
    assert np.array_equal(soft.tokens, drawn.tokens)
    assert np.array_equal(soft.teacher_logits, drawn.teacher_logits)
    assert not np.array_equal(soft.targets, drawn.targets)
    good = world.lesson("good", 4)
    assert np.array_equal(good.targets, soft.targets), "the text's own labels"
    assert not np.array_equal(world.validation, world.test[: len(world.validation)])
    again = type(world)(0, 3, 8, 10)
    assert again.gaps == world.gaps and np.array_equal(again.test, world.test)
    cell = {"way": "τ = 2, half hard; 4 texts", "lr": 1e-2, "seed": 0, "student_steps": 40}
    cell |= {"teacher_steps": 3, "erring_texts": 8, "erring_steps": 10}
    assert distillation.run_cell(cell) == distillation.run_cell(cell)


def test_draws_follow_the_teacher():
    """Labels drawn from a teacher that is sure are its likeliest symbols."""
    world = tiny_world()

    class Sure:
        head_size = vocab_size = SYMBOLS

        def __call__(self, tokens):
            return 50.0 * np.eye(SYMBOLS)[(tokens + 1) % SYMBOLS]

        def __getattr__(self, name):
            return getattr(world.teachers["good"], name)

    world.teachers["sure"] = Sure()
    lesson = world.new_lesson("sure", 5, drawn=True)
    assert np.array_equal(lesson.targets, (lesson.tokens + 1) % SYMBOLS)


def test_training_ends_where_the_gap_is_flat_and_goes_back_to_its_least():
    world = tiny_world()
    gaps = iter([1.0, 0.6, 0.5, *[0.7] * 50])
    student = world.student.astype(np.float32)
    seen = []

    def validate(model):
        seen.append(model.wte.weight.data.copy())
        return next(gaps)

    lesson = world.lesson("good", 8)
    curve, stopped = learn(
        student, world.batches(lesson, 500), distillation.cross_entropy, 1e-3, validate, 2
    )
    assert stopped == 4 and len(curve) == 3 + PATIENCE
    assert np.array_equal(student.wte.weight.data, seen[2])


def test_ways_of_a_seed_read_the_same_strings(monkeypatch):
    """Few strings are read again and again, new ones once; validation has its own."""
    monkeypatch.setattr(context, "BATCH", 4)
    new, few = context.lessons(1, 3, context.NEW), context.lessons(1, 3, 6)
    assert few[0] is few[2] and not np.array_equal(new[0].tokens, new[1].tokens)
    assert context.lessons(1, 3, context.NEW) is new
    [validation] = context.lessons(1, 1, 8)
    assert not np.array_equal(validation.tokens[:4], new[0].tokens)
    context.lessons.cache_clear()


@pytest.mark.parametrize("module", [context, distillation], ids=lambda module: module.__name__)
@pytest.mark.parametrize("seeds", [0, -1, True, 2.0])
def test_errors(module, seeds):
    with pytest.raises(ValueError, match="expected seeds from 1, a whole number, got"):
        module.run(seeds)


def test_the_gap_is_zero_for_the_truth_itself():
    """A model whose logits are the table's logarithms has no gap; another one has."""

    class Knows:
        def __call__(self, texts):
            logits = np.zeros((*texts.shape, SYMBOLS))
            logits[:, 1:] = np.log(source.after(texts) + 1e-300)
            return logits

    source = MarkovSource(RNG(0), SYMBOLS, ORDER, 0.3)
    texts = source.sample(5, LENGTH, RNG(1))
    assert distillation.gap(source, Knows(), texts) == 0
    assert distillation.gap(source, GPT(STUDENT, RNG(2)), texts) > 0.3


def test_the_source_follows_its_table():
    source = MarkovSource(RNG(0), symbols=3, order=2)
    texts = source.sample(4000, 8, RNG(1))
    counts = np.zeros_like(source.table)
    for t in range(2, 8):
        np.add.at(counts, (texts[:, t - 2], texts[:, t - 1], texts[:, t]), 1)
    seen = counts / counts.sum(axis=-1, keepdims=True)
    assert np.abs(seen - source.table).max() < 0.05
    assert np.allclose(source.table.sum(axis=-1), 1)
    assert np.array_equal(source.after(texts[:, :3])[:, 1], source.table[texts[:, 1], texts[:, 2]])
