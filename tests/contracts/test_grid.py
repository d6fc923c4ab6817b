"""Any × any: each method with each objective, each method with each task, and each objective with
each task move what they should, no more. reports/report_grid.py tries every three of them.
"""

import numpy as np
import pytest

from contracts.fit import refusal
from contracts.grid import CONFIG, LLAMA, LLAMA_CASES, OBJECTIVES, TASKS, cell
from contracts.method_cases import CASES, MethodCase
from lora_np.methods import LoRA
from lora_np.nn import Parameter


def task_for(place, teaching):
    """The next objective gets the next task, and so does the next case."""
    return TASKS[(place + OBJECTIVES.index(teaching)) % len(TASKS)]


def fits_or_says_why(cases, case, teaching, config):
    """Or, where the objective's head has no place for the method, is refused."""
    refused = refusal(case.build(config), config.vocab_size, teaching.n_classes)
    task = task_for(cases.index(case), teaching)
    if refused:
        with pytest.raises(ValueError, match=refused):
            cell(case, teaching, task, config)
    else:
        cell(case, teaching, task, config)


@pytest.mark.parametrize("teaching", OBJECTIVES, ids=lambda teaching: teaching.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_any_by_any(case, teaching):
    fits_or_says_why(CASES, case, teaching, CONFIG)


def test_all_pairs_meet():
    for place in range(len(TASKS)):
        assert {task_for(place, teaching) for teaching in OBJECTIVES} == set(TASKS)
    for teaching in OBJECTIVES:
        assert {task_for(place, teaching) for place in range(len(TASKS))} == set(TASKS)
    assert len(TASKS) <= len(OBJECTIVES) and len(TASKS) <= len(LLAMA_CASES) <= len(CASES)


@pytest.mark.parametrize("teaching", OBJECTIVES, ids=lambda teaching: teaching.name)
@pytest.mark.parametrize("case", LLAMA_CASES, ids=lambda case: case.name)
def test_any_by_any_on_a_llama(case, teaching):
    fits_or_says_why(LLAMA_CASES, case, teaching, LLAMA)


class TrainsTheBaseItself(LoRA):
    def apply(self, model, rng):
        view = super().apply(model, rng)
        view.ln_f.weight.trainable = True  # on the base's own array
        return view


class LearnsWithNoGradient(LoRA):
    def apply(self, model, rng):
        view = super().apply(model, rng)
        view.forgotten = Parameter(np.ones(3, np.float32))
        return view


class MovesWhatIsFrozen(LoRA):
    def apply(self, model, rng):
        view = super().apply(model, rng)
        forward, norm = view.forward, view.ln_f.weight
        norm.data = norm.data.copy()

        def moving(tokens, **options):
            norm.data *= 1.01
            return forward(tokens, **options)

        view.forward = moving
        return view


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (TrainsTheBaseItself, "the base moved"),
        (LearnsWithNoGradient, "should have moved: .*forgotten"),
        (MovesWhatIsFrozen, "something frozen moved"),
    ],
)
def test_a_method_that_moves_the_wrong_numbers_is_caught(method, message):
    case = MethodCase(method.__name__, lambda config: (method(2, 3.0),), None)
    with pytest.raises(AssertionError, match=message):
        cell(case, OBJECTIVES[0], TASKS[0])
