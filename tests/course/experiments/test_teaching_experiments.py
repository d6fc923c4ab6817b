"""The experiments on what teaches, in miniature: they run, repeat, and say what they found."""

import functools
import json
from dataclasses import replace

import numpy as np
import pytest

from lora_np.analysis.plots import png
from lora_np.course.experiments import context, distillation, judge_quality, rlhf
from lora_np.course.experiments.distillation_world import PATIENCE, learn
from lora_np.course.experiments.rlhf_world import (
    Size,
    World,
    ascents,
    breaks_the_rule,
    safe_ascents,
)
from lora_np.nn import GPT
from lora_np.tasks import reward_of
from lora_np.tasks.worlds.markov import MarkovSource

TINY_RLHF = Size(40, 5, 3, 3, 2, 20, (0.0, 0.1), 60, 21, 3)
TINY_DISTILLATION = distillation.Size(3, 8, 10, 20, (4, 8), trials=0)
RNG = np.random.default_rng


@functools.cache
def tiny_rlhf(seed):
    return rlhf.one_seed(seed, TINY_RLHF)


MINIATURES = {rlhf: (tiny_rlhf, {})}


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


@pytest.mark.parametrize("module", [context, distillation], ids=lambda module: module.__name__)
def test_a_verdict_follows_its_numbers(module):
    """Three seeds that agree are told apart; with the columns exchanged the sign turns."""
    stored = json.loads(json.dumps(taught_in_miniature(module)))
    ours, theirs, column = (
        (context.HELD, context.FREE, "others")
        if module is context
        else ("teacher, T = 1", distillation.HARD, "end")
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
    assert "-0.50, below in 3 of 3 pairs" in said[0]
    assert "+0.50, above in 3 of 3 pairs" in said[1]


def tiny_world(seed=0):
    return distillation.world_of(seed, 3, 8, 10)


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
    cell = {"way": "T = 2, half hard; 4 texts", "lr": 1e-2, "seed": 0, "student_steps": 40}
    cell |= {"teacher_steps": 3, "erring_texts": 8, "erring_steps": 10}
    assert distillation.run_cell(cell) == distillation.run_cell(cell)


def test_draws_follow_the_teacher():
    """Labels drawn from a teacher that is sure are its likeliest symbols."""
    world = tiny_world()

    class Sure:
        head_size = vocab_size = distillation.SYMBOLS

        def __call__(self, tokens):
            return 50.0 * np.eye(distillation.SYMBOLS)[(tokens + 1) % distillation.SYMBOLS]

        def __getattr__(self, name):
            return getattr(world.teachers["good"], name)

    world.teachers["sure"] = Sure()
    lesson = world.new_lesson("sure", 5, drawn=True)
    assert np.array_equal(lesson.targets, (lesson.tokens + 1) % distillation.SYMBOLS)


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


def test_the_gap_is_zero_for_the_truth_itself():
    """A model whose logits are the table's logarithms has no gap; another one has."""

    class Knows:
        def __call__(self, texts):
            logits = np.zeros((*texts.shape, distillation.SYMBOLS))
            logits[:, 1:] = np.log(source.after(texts) + 1e-300)
            return logits

    source = MarkovSource(RNG(0), distillation.SYMBOLS, distillation.ORDER, 0.3)
    texts = source.sample(5, distillation.LENGTH, RNG(1))
    assert distillation.gap(source, Knows(), texts) == 0
    assert distillation.gap(source, GPT(distillation.STUDENT, RNG(2)), texts) > 0.3


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
