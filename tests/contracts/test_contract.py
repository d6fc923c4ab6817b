"""Every linear-like module obeys every law, on shapes that hypothesis draws."""

import pytest
from hypothesis import given

from contracts.laws import LAWS, close
from helpers.builders import BUILDERS, STARTS, linear
from helpers.strategies import cases


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("law", LAWS, ids=name_of)
@pytest.mark.parametrize("build", BUILDERS, ids=name_of)
@given(case=cases())
def test_law(build, law, case):
    law(build, case)


@pytest.mark.parametrize("start", STARTS, ids=name_of)
@given(case=cases())
def test_identity_at_init(start, case):
    """Before any training the wrapped layer is the base, exactly."""
    close(start(case)(case.x()), linear(case)(case.x()), "output at init", 0)
