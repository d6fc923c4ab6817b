"""The mutants of a torch reference, where torch is installed."""

import pytest

from lora_np.conformance import check

torch = pytest.importorskip("torch", reason="the extra `peers`")
pytestmark = pytest.mark.filterwarnings("ignore")


def kinds():
    from conformance.torch_mutants import MUTANTS

    return MUTANTS


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: f"{kind.law}-{kind.seen.split()[0]}")
def test_a_mutant_breaks_the_law_that_names_it(kind):
    from conformance.torch_reference import TorchSubject

    (outcome,) = check(TorchSubject(kind), [kind.law], shrink=False).outcomes
    assert outcome.status == "broken" and outcome.expected is not None, outcome


def test_there_are_forty_or_more_and_the_reference_breaks_none():
    from conformance.torch_reference import DoRALinear, LoRALinear, TorchSubject

    assert len(kinds()) >= 40
    for kind in (LoRALinear, DoRALinear):
        report = check(TorchSubject(kind), examples=5)
        assert not report.broken and len(report.holds) > 20, report
