"""Every linear-like module obeys every law, on shapes that hypothesis draws."""

from pathlib import Path

import pytest
from hypothesis import given, settings

from contracts.laws import LAWS, close
from helpers import added_builders
from helpers.builders import BUILDERS, STARTS, linear, moved
from helpers.strategies import cases
from lora_np.nn.linear import LinearLike


def name_of(function):
    return function.__name__


@pytest.mark.parametrize("law", LAWS, ids=name_of)
@pytest.mark.parametrize("build", BUILDERS, ids=name_of)
@given(case=cases())
def test_law(build, law, case):
    law(build, case)


@pytest.mark.parametrize("law", LAWS, ids=name_of)
@pytest.mark.parametrize(
    "build", [*map(moved, added_builders.STARTS), added_builders.vb_lora], ids=name_of
)
@settings(max_examples=5)
@given(case=cases())
def test_law_of_a_branch(build, law, case):
    """Fewer shapes: what an `Added` writes itself is its branch; PEFT's numbers hold that too."""
    law(build, case)


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
