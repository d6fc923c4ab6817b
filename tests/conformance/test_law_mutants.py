"""Each mistake seen in public breaks the law that names it; the reference breaks none."""

import pytest

from conformance import mutants_keeping, mutants_layers, mutants_numbers, mutants_objectives
from conformance.mutants_numbers import ReferenceNF4
from conformance.reference import (
    Reference,
    ReferenceDoRA,
    ReferenceQKV,
    ReferenceQLoRA,
    ReferenceRSLoRA,
)
from lora_np.conformance import Subject, check
from lora_np.conformance.ours import ALL

MUTANTS = [
    kind
    for module in (mutants_layers, mutants_keeping, mutants_numbers, mutants_objectives)
    for kind in vars(module).values()
    if isinstance(kind, type) and "law" in vars(kind)
]
REFERENCES = (Reference, ReferenceRSLoRA, ReferenceDoRA, ReferenceQLoRA, ReferenceQKV, ReferenceNF4)


def subject(kind):
    """Methods of a class need an object; functions in a class do not."""
    return kind if kind.__module__ == mutants_objectives.__name__ else kind()


@pytest.mark.parametrize("kind", MUTANTS, ids=lambda kind: kind.__name__)
def test_a_mutant_breaks_the_law_that_names_it(kind):
    (outcome,) = check(subject(kind), [kind.law], shrink=False).outcomes
    assert outcome.status == "broken", outcome
    assert outcome.expected is not None, f"caught by an accident: {outcome}"
    assert outcome.inputs and outcome.mistake and "#" in kind.seen


def test_there_are_forty_or_more():
    assert len(MUTANTS) >= 40
    assert len({kind.__name__ for kind in MUTANTS}) == len(MUTANTS)


@pytest.mark.parametrize("kind", REFERENCES, ids=lambda kind: kind.__name__)
def test_the_reference_breaks_none(kind):
    report = check(kind(), examples=2)
    assert not report.broken, report
    assert len(report.holds) >= 4


@pytest.mark.parametrize("ours", ALL, ids=lambda ours: ours.name)
def test_ours_break_none(ours):
    report = check(ours, examples=2)
    assert not report.broken, report
    assert len(report.holds) >= 12
    for each in report.not_applicable:
        assert each.missing == tuple(Subject(ours).lacks(each.law)), "all others could be tried"
