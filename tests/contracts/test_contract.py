"""Every linear-like module obeys every law, on shapes that hypothesis draws."""

from pathlib import Path

import pytest
from hypothesis import assume, given, settings

from contracts.laws import LAWS, close
from helpers import added_builders, shape_builders
from helpers.builders import BUILDERS, STARTS, linear, moved
from helpers.strategies import cases
from lora_np.nn.linear import LinearLike

SHAPES = [*map(moved, added_builders.STARTS), added_builders.vb_lora]
SHAPES += map(moved, shape_builders.STARTS)


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("build", BUILDERS, ids=name_of)
@given(case=cases())
def test_laws(build, case):
    for law in LAWS:
        law(build, case)


@pytest.mark.parametrize("build", SHAPES, ids=name_of)
@settings(max_examples=5)
@given(case=cases())
def test_laws_of_a_shape(build, case):
    """Fewer cases: what such a layer writes itself is short, and PEFT's numbers hold it too."""
    for law in LAWS:
        law(build, case)


@pytest.mark.parametrize("start", shape_builders.STARTS, ids=name_of)
@settings(max_examples=5)
@given(case=cases())
def test_a_shape_starts_as_the_base(start, case):
    """Two mirrors undo each other but for rounding; an odd one is left over."""
    mirrors = start is shape_builders.hra_start
    assume(not mirrors or case.rank % 2 == 0)
    tolerance = 1e-12 if mirrors else 0
    close(start(case)(case.x()), linear(case)(case.x()), "output at init", tolerance)


@pytest.mark.parametrize("start", [*STARTS, *added_builders.STARTS], ids=name_of)
@given(case=cases())
def test_identity_at_init(start, case):
    """Before any training the wrapped layer is the base, exactly."""
    close(start(case)(case.x()), linear(case)(case.x()), "output at init", 0)


def test_the_guide_names_every_member_of_a_layer():
    guide = (Path(__file__).parents[1] / "README.md").read_text("utf-8")
    members = {name for name in vars(LinearLike) if not name.startswith("_")}
    for name in members | {"forward", "backward", "freeze"}:
        assert f"`{name}" in guide or f".{name}" in guide, name
