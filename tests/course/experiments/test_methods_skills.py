"""The methods experiment: a few steps of it, its table, its figure, and one honest learning."""

import copy
import json

import numpy as np
import pytest

from lora_np.analysis import plots
from lora_np.course.experiments import methods
from lora_np.course.experiments.bases import SKILLS
from lora_np.methods import LoRA
from lora_np.tasks.worlds import skills


@pytest.fixture(scope="module")
def numbers():
    patch = pytest.MonkeyPatch()
    patch.setattr(methods, "adapt", lambda model, task, steps, lr, rng: 1.0)
    result = methods.run(quick=True)
    patch.undo()
    return result


def test_the_numbers_are_plain_and_complete(numbers):
    assert json.loads(json.dumps(numbers)) == numbers
    assert numbers["elicited"] == ["copy"] and len(numbers["before"]) == 1
    assert list(numbers["rows"]) == list(methods.METHODS)
    for row in numbers["rows"].values():
        assert np.shape(row["accuracy"]) == np.shape(row["loss"]) == (1, 3) and row["trained"] > 0
        assert len(row["learning_rate"]) == 3 and len(row["cpu_ms"]) == 1
    assert numbers["rows"][methods.FULL]["trained"] == numbers["base_parameters"]


def test_untrained_methods_that_start_at_the_base_score_as_it_does(numbers):
    for name in ("LoRA r 1, everywhere", "Houlsby adapters, width 8", "IA3", "BitFit", "head"):
        assert numbers["rows"][name]["accuracy"] == numbers["before"], name


def test_the_tuning_seed_asks_for_a_skill_that_no_reported_one_asks_for():
    assert methods.known_to(methods.TUNING_SEED) not in map(methods.known_to, range(5))


def test_every_way_has_a_start_and_its_method_and_task():
    assert len(methods.WAYS) == len(methods.METHODS) * len(methods.TASKS)
    assert set(methods.RATES) == set(methods.METHODS)
    assert methods.METHODS[methods.WITH_MLP].mlp_width and methods.WITH_MLP in methods.RATES


def test_table_and_figure_say_the_same(numbers):
    table = methods.table(numbers)
    for name in numbers["rows"]:
        assert sum(line.startswith(name + " ") for line in table.splitlines()) == 1, name
    assert "1 seed," in table and "one a seed: copy" in table and "too short to conclude" in table
    assert plots.png(methods.figure(numbers)).startswith(b"\x89PNG")
    assert all(name in methods.alt_text(numbers) for name in numbers["rows"])
    assert methods.rates(numbers).count("not tuned") == len(methods.WAYS)


def test_the_verdict_turns_with_the_numbers(numbers):
    """Full right, all others wrong; then the other way round."""
    high, low = ([[value + 0.01 * seed] * 3 for seed in range(5)] for value in (0.9, 0.1))
    made = copy.deepcopy(numbers)
    for name, row in made["rows"].items():
        row["accuracy"] = high if name == methods.FULL else low
    said = methods.verdict(made)
    assert "or ahead: none" in said and "behind it in every pair: none" not in said
    assert "prompt, 4 tokens: calls up 0.12, teaches 0.12, 0.12" in said
    for name, row in made["rows"].items():
        row["accuracy"] = low if name == methods.FULL else high
    turned = methods.verdict(made)
    assert "or ahead: none" not in turned and "behind it in every pair: none" in turned
    assert "prompt, 4 tokens: calls up 0.92, teaches 0.92, 0.92" in turned
    np.testing.assert_allclose(methods.claims(made)["new: add 5: head less full fine-tuning"], 0.8)


@pytest.mark.every_kernel
def test_adapt_teaches():
    """LoRA gets the base to copy where nothing asks for it, and leaves the base as it was."""
    base, task, rng = SKILLS.load(), skills.Skill("copy"), np.random.default_rng(0)
    model = LoRA(4, 4, ("c_attn",)).apply(base, rng)
    batch = task.batch(200, rng)
    before = skills.accuracy(base, batch)
    methods.adapt(model, task, 100, 1e-2, rng, batch_size=32)
    assert skills.accuracy(model, batch) > 0.9 > 0.1 > before
    assert skills.accuracy(base, batch) == before


@pytest.mark.parametrize("seeds", [0, 1.5, True])
def test_errors(seeds):
    with pytest.raises(ValueError, match=f"seeds from 1, a whole number, got {seeds}"):
        methods.run(seeds)
