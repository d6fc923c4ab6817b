"""The methods experiment: a few steps of it, its table, its figure, and one honest learning."""

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
        assert np.shape(row["accuracy"]) == (1, 3) and row["trained"] > 0
    assert numbers["rows"]["full fine-tuning"]["trained"] == numbers["base_parameters"]


def test_untrained_methods_that_start_at_the_base_score_as_it_does(numbers):
    for name in ("LoRA r 1, everywhere", "Houlsby adapters, width 8", "IA3", "BitFit", "head"):
        assert numbers["rows"][name]["accuracy"] == numbers["before"], name


def test_table_and_figure_say_the_same(numbers):
    lines = methods.table(numbers).splitlines()
    for name in numbers["rows"]:
        assert sum(line.startswith(name + " ") for line in lines) == 1, name
    assert "1 seed," in lines[-2] and "copy" in lines[-1]
    assert plots.png(methods.figure(numbers)).startswith(b"\x89PNG")
    assert all(name in methods.alt_text(numbers) for name in numbers["rows"])


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
