"""Break the maths on purpose: the contract must notice. A suite that passes these is no suite."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from contracts import mutants
from contracts.laws import MUTANTS_LAWS
from helpers.builders import STARTS, dora_start, lora_start, moved
from helpers.strategies import cases
from lora_np.methods import DoRALinear, LoRALinear
from lora_np.nn import Linear
from lora_np.quant import NF4Linear


def mutants_of(base):
    return [kind for kind in base.__subclasses__() if kind.__module__ == mutants.__name__]


def lora_builder(kind, start=lora_start):
    def mutant_start(case):
        layer = start(case)
        layer.__class__ = kind
        return layer

    return moved(mutant_start)


def linear_builder(kind):
    def build(case):
        bias = case.array(case.n_out, salt=11) if case.bias else None
        return kind(case.array(case.n_in, case.n_out, salt=10), bias)

    return build


def nf4_builder(kind):
    return lambda case: kind.from_linear(linear_builder(Linear)(case))


def assert_caught(build):
    """Some law fails for some drawn case."""

    @settings(
        phases=[Phase.generate],
        max_examples=50,  # a few may not be the cases that tell
        report_multiple_bugs=False,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases())
    def every_law(case):
        for law in MUTANTS_LAWS:
            law(build, case)

    with pytest.raises((AssertionError, ValueError)):
        every_law()


@pytest.mark.parametrize("kind", mutants_of(LoRALinear), ids=lambda kind: kind.__name__)
def test_lora_mutant_is_caught(kind):
    assert_caught(lora_builder(kind))


@pytest.mark.parametrize("kind", mutants_of(DoRALinear), ids=lambda kind: kind.__name__)
def test_dora_mutant_is_caught(kind):
    assert_caught(lora_builder(kind, dora_start))


@pytest.mark.parametrize("kind", mutants_of(Linear), ids=lambda kind: kind.__name__)
def test_linear_mutant_is_caught(kind):
    assert_caught(linear_builder(kind))


@pytest.mark.parametrize("kind", mutants_of(NF4Linear), ids=lambda kind: kind.__name__)
def test_nf4_mutant_is_caught(kind):
    assert_caught(nf4_builder(kind))


@pytest.mark.parametrize("start", STARTS, ids=lambda start: start.__name__)
def test_a_wrapper_that_forgets_to_freeze_its_base_is_caught(start):
    def forgetful(case):
        layer = start(case)
        for parameter in layer.base.parameters():
            parameter.trainable = True
        return layer

    assert_caught(moved(forgetful))


def test_the_unbroken_layer_passes():
    """The same machinery on the real layers finds nothing."""
    for kind, start in ((LoRALinear, lora_start), (DoRALinear, dora_start)):
        with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
            assert_caught(lora_builder(kind, start))
