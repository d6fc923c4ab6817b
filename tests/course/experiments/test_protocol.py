"""The protocol: equal tuning inside the grid, on seeds and a split that are not reported."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from lora_np.course.experiments import protocol
from lora_np.course.experiments.protocol import STEP, Study, best_rate, compare, next_rates

BEST = {"LoRA": 1e-2, "full": 2e-4, "steep": 3e-3}
asked = []


def parabola(cell):
    """A made-up run: a parabola in log rate; "steep" diverges above three times its best."""
    asked.append(cell)
    away = math.log(cell["lr"] / BEST[cell["way"]])
    if cell["way"] == "steep" and away > math.log(3):
        raise FloatingPointError("the loss is inf")
    luck = np.random.default_rng(cell["seed"]).normal()  # the same for every way
    return {"validation": away**2, "test": away**2 + luck, "steps": cell["steps"]}


def study(**changed):
    rates = dict.fromkeys(BEST, 1e-3)
    return Study("made-up", parabola, rates, {"steps": 7}, **changed)


def test_each_way_is_tuned_by_as_many_runs_on_seeds_that_are_not_reported():
    asked.clear()
    evidence = compare(study(tuning_seeds=(100, 101)), seeds=3)
    for way, how in evidence["ways"].items():
        tuned = [c for c in asked if c["way"] == way and c["seed"] >= 100]
        reported = [c for c in asked if c["way"] == way and c["seed"] < 100]
        assert len(tuned) == 2 * protocol.TRIALS == 2 * len(how["tried"])
        assert [c["seed"] for c in reported] == [0, 1, 2]
        assert {c["lr"] for c in reported} == {how["lr"]} and how["inside"]
    assert evidence["settings"] == {"steps": 7} and evidence["cpu_seconds"] >= 0


def test_the_rate_is_the_parabolas_lowest_point_and_differences_are_of_pairs():
    ways = compare(study(), seeds=4)["ways"]
    for way in ("LoRA", "full"):
        assert ways[way]["lr"] == pytest.approx(BEST[way], rel=2e-3)
        low, high = ways[way]["between"]
        assert low < ways[way]["lr"] < high and high / low <= 10.001
    assert ways["steep"]["lr"] < 3 * BEST["steep"] and None in ways["steep"]["tried"].values()
    tests = {way: protocol.by_seed({"ways": ways}, way, "test") for way in ways}
    assert tests["LoRA"].std() > 0.1 and np.ptp(tests["LoRA"] - tests["full"]) < 1e-4


@given(st.floats(-2, 2), st.integers(5, 9))
def test_the_search_closes_in_on_one_lowest_point(shift, trials):
    """From three rates half a decade apart; the best lies inside once the search has reached it."""
    usual, best, tried = 1e-3, 1e-3 * 10**shift, {}
    while rates := next_rates(tried, usual, trials):
        assert not set(rates) & set(tried)
        tried |= {lr: math.log10(lr / best) ** 2 for lr in rates}
    assert len(tried) == trials
    found = best_rate(tried, usual)
    reach = 0.5 * (trials - 3)  # decades beyond the first three rates' middle
    assume(abs(abs(shift) - reach) > 0.26)
    assert found["inside"] == (abs(shift) < reach)
    if found["inside"]:
        assert found["lr"] == pytest.approx(best, rel=1e-2)
        assert found["between"][0] < best < found["between"][1]


@given(st.permutations([0.0, 0.3, 1.0]), st.floats(0.1, 10))
def test_the_lowest_point_does_not_depend_on_the_scores_unit(scores, unit):
    low, middle, high = scores[1], scores[0], scores[2]
    rates, values = [1e-3, 3e-3, 2e-2], np.array([max(middle, 0.1), 0.0, max(low, high, 0.1)])
    lowest = protocol.lowest_point(rates, values)
    assert rates[0] < lowest < rates[2]
    assert protocol.lowest_point(rates, 5 + unit * values) == pytest.approx(lowest, rel=1e-6)


def test_a_rate_at_the_edge_is_said_to_be_there():
    evidence = compare(Study("edge", parabola, {"full": 1.0}, {"steps": 1}, trials=4), seeds=1)
    assert not evidence["ways"]["full"]["inside"]
    [(way, rate, between, tried)] = protocol.rates_table(evidence)
    assert (way, tried) == ("full", 4) and between.endswith("at the edge")
    assert float(rate) == pytest.approx(1 / STEP**2, rel=0.01)


def test_without_tuning_the_usual_rate_is_used_and_said_not_to_be_tuned():
    evidence = compare(study(trials=0), seeds=1)
    assert {how["lr"] for how in evidence["ways"].values()} == {1e-3}
    assert all(row[2].endswith("not tuned") for row in protocol.rates_table(evidence))


@pytest.mark.long
def test_runs_are_kept_and_a_second_call_goes_on_from_them(tmp_path):
    one = compare(study(trials=3), 1, tmp_path, processes=1)
    kept = {path: path.read_bytes() for path in (tmp_path / "made-up").iterdir()}
    assert len(kept) == 3 * (3 + 1)
    two = compare(study(trials=3), 2, tmp_path, processes=1)
    assert {path: path.read_bytes() for path in kept} == kept
    for way in BEST:
        assert two["ways"][way]["runs"][0] == one["ways"][way]["runs"][0]
    assert one["ways"]["full"]["lr"] == two["ways"]["full"]["lr"]


@pytest.mark.parametrize("seeds", [0, True, 1.5])
def test_no_seeds(seeds):
    with pytest.raises(ValueError, match="expected seeds"):
        compare(study(), seeds)
