"""Every shape of ΔW beside LoRA: equal budgets, a run of either task, stored numbers to read."""

import json
from pathlib import Path

import pytest

from lora_np.course.experiments import shapes
from lora_np.methods import LoRA

STORED = Path(__file__).parents[3] / "benchmarks" / "results" / "shapes.json"


@pytest.fixture(scope="module")
def numbers():
    return json.loads(STORED.read_text("utf-8"))


def test_every_way_trains_about_as_many_numbers_as_its_lora():
    for task, budget in shapes.WHERE:
        lora = shapes.count(LoRA(budget, shapes.ALPHA, "all-linear"), task)
        for name in shapes.SETTINGS:
            method = shapes.settings().get(shapes.way(name, task, budget))
            if method is not None:
                assert 1 / shapes.NEAR <= shapes.count(method, task) / lora <= shapes.NEAR


@pytest.mark.parametrize("task", shapes.BASES)
def test_a_run_returns_what_the_table_reads(task):
    cell = {"way": shapes.way("LoRA", task, 4), "lr": 1e-3, "seed": 0, **shapes.QUICK}
    assert shapes.run_cell(cell).keys() == {"validation", "loss", "trained", "cpu_ms"}


def test_stored_numbers_were_made_with_these_settings_and_can_be_read(numbers):
    assert numbers["settings"] == shapes.SIZES and not numbers["quick"]
    assert numbers["ways"].keys() == shapes.settings().keys()
    for way, how in numbers["ways"].items():
        task = way.split("; ")[1].split(",")[0]
        assert {run["trained"] for run in how["runs"]} == {
            shapes.count(shapes.settings()[way], task)
        }
    assert len(shapes.claims(numbers)) == len(numbers["ways"]) - len(shapes.WHERE)
    assert shapes.verdict(numbers) in shapes.table(numbers)
    axes = shapes.figure(numbers).axes[0]
    assert len(axes.get_legend().get_texts()) == len(shapes.WHERE)


def test_the_usual_rates_are_those_that_were_tuned_on_code(numbers):
    """Of the methods that a command makes as they were run; LoRA's kin ran with another α."""
    for name in "DeLoRA MiSS VB-LoRA HiRA OFT BOFT HRA FourierFT SHiRA C3A".split():
        way = shapes.way(name, "code", 4)
        low, high = numbers["ways"][way]["between"]
        assert low <= shapes.settings()[way].rate <= high, name
        assert float(f"{numbers['ways'][way]['lr']:.0e}") == shapes.settings()[way].rate, name


def test_ahead_is_below_in_every_pair(numbers):
    for task, budget in shapes.WHERE:
        lora = shapes.losses(numbers, "LoRA", task, budget)
        ahead, behind, neither = shapes.against_lora(numbers, task, budget)
        there = shapes.there(numbers, task, budget)[1:]
        assert sorted([*ahead, *behind, *neither]) == sorted(there)
        assert all((shapes.losses(numbers, n, task, budget) < lora).all() for n in ahead)
        assert all((shapes.losses(numbers, n, task, budget) > lora).all() for n in behind)


def test_another_kernel_repeats_ways_at_their_rates(numbers):
    for path in STORED.parent.glob("*/shapes.json"):
        theirs = json.loads(path.read_text("utf-8"))
        assert theirs["kernel"] == path.parent.name != numbers["kernel"]
        assert {key: theirs[key] for key in ("seeds", "settings")} == {
            key: numbers[key] for key in ("seeds", "settings")
        }
        assert shapes.claims(theirs)
        for way, how in theirs["ways"].items():
            assert how["lr"] == numbers["ways"][way]["lr"]
