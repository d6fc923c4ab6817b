"""Any × any: every method under every objective on every task moves what it should, no more.

Methods on top of each other, and a Llama, meet each objective and each task, not all pairs of them.
"""

import numpy as np
import pytest

from contracts.fit import refusal
from contracts.grid import CONFIG, LLAMA, LLAMA_CASES, OBJECTIVES, TASKS, cell
from contracts.method_cases import CASES, COMPOSED, MethodCase
from lora_np.methods import LoRA
from lora_np.nn import Parameter


def tasks_for(case, teaching):
    """Every task for one method on a GPT; else two an objective, and so each task."""
    k = OBJECTIVES.index(teaching)
    whole = case in CASES and case not in COMPOSED
    return TASKS if whole else {TASKS[(k + j) % len(TASKS)] for j in (0, 3)}


def fits_or_says_why(case, teaching, config):
    """Every task; or, where the objective's head has no place for the method, its refusal."""
    refused = refusal(case.build(config), config.vocab_size, teaching.n_classes)
    for task in tasks_for(case, teaching):
        if refused:
            with pytest.raises(ValueError, match=refused):
                cell(case, teaching, task, config)
        else:
            cell(case, teaching, task, config)


@pytest.mark.parametrize("teaching", OBJECTIVES, ids=lambda teaching: teaching.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_task(case, teaching):
    fits_or_says_why(case, teaching, CONFIG)


def test_the_others_meet_every_task():
    for case in [*COMPOSED, *LLAMA_CASES]:
        met = set().union(*(tasks_for(case, teaching) for teaching in OBJECTIVES))
        assert met == set(TASKS)


@pytest.mark.parametrize("teaching", OBJECTIVES, ids=lambda teaching: teaching.name)
@pytest.mark.parametrize("case", LLAMA_CASES, ids=lambda case: case.name)
def test_every_task_on_a_llama(case, teaching):
    fits_or_says_why(case, teaching, LLAMA)


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
