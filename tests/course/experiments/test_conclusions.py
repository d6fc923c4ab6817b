"""What is concluded from pairs: the interval, the decision, and where two runs disagree."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.course.experiments import conclusions

DIFFERENCES = st.lists(st.floats(-10, 10).map(lambda d: round(d, 3)), min_size=3, max_size=8)


def test_the_interval_covers_the_mean_of_normal_numbers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    drawn = rng.normal(1.0, 2.0, (4000, 5))
    covered = [abs(row.mean() - 1.0) <= conclusions.half_width(row) for row in drawn]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.015)  # four standard errors


@given(DIFFERENCES)
def test_turning_a_difference_over_turns_its_decision_over(differences):
    turned = {"above": "below", "below": "above", "not told apart": "not told apart"}
    assert conclusions.decide(np.negative(differences)) == turned[conclusions.decide(differences)]
    assert conclusions.margin(np.negative(differences)) == conclusions.margin(differences)


@given(DIFFERENCES, st.sampled_from([0.25, 0.5, 2.0, 8.0]))
def test_neither_the_unit_nor_the_order_of_seeds_decides(differences, unit):
    scaled = unit * np.array(differences)[::-1]
    assert conclusions.margin(scaled) == pytest.approx(conclusions.margin(differences), rel=1e-6)


def test_one_seed_decides_nothing_and_a_pair_that_disagrees_neither():
    assert conclusions.decide([5.0]) == "not told apart"
    assert conclusions.decide([5.0, 5.1, 5.2, -0.1, 5.0]) == "not told apart"
    assert conclusions.decide([5.0, 5.1, 5.2]) == "above"


def test_the_table_says_it_and_a_changed_conclusion_is_found():
    ours = {"a less b": [1.0, 1.1, 1.2], "a less c": [-1.0, 1.0, 0.5]}
    theirs = {"a less b": [-1.0, -1.1, -1.2], "a less c": [-1.0, 1.0, 0.7]}
    lines = conclusions.table(ours).splitlines()
    assert "above" in lines[1] and "3 of 3" in lines[1] and "not told apart" in lines[2]
    assert conclusions.changed(ours, theirs) == [("a less b", "above", "below")]
    assert conclusions.changed(ours, ours) == []
    fewer = {"a less b": ours["a less b"]}
    assert conclusions.changed(ours, fewer) == [("a less c", "not told apart", "no pairs")]
    assert conclusions.changed(fewer, ours) == [("a less c", "no pairs", "not told apart")]
