"""Each bound of a setting holds at its very edge; an error says what came and what was expected."""

from dataclasses import dataclass

import numpy as np
import pytest

from lora_np.system.checks import LEAST, check_fields, check_real, check_whole, is_number, said_of

NOBODY = [True, "1", None, 1j, float("nan"), float("inf"), -float("inf"), 1e39, -1e39]
EDGES = {  # which: what is taken, what is not
    "": ([-3.4e38, 0, 3.4e38], []),
    "from 0": ([0, 1e-46, 3.4e38], [-1e-46]),
    "above 0": ([LEAST, np.float32(2)], [0, 1e-46, -1]),
    "from 0 to 1": ([0, 1], [-1e-9, 1 + 1e-9]),
    "from 0 to below 1": ([0, 1 - 1e-9], [-1e-9, 1]),
    "above 0, up to 1": ([1e-9, 1], [0, 1 + 1e-9]),
    "above 0 and below 1": ([1e-9, 1 - 1e-9], [0, 1]),
}


@pytest.mark.parametrize("which", EDGES)
def test_a_real_setting_is_taken_up_to_its_edges(which):
    taken, refused = EDGES[which]
    for value in taken:
        check_real("expected it", value, which)
    for value in [*refused, *NOBODY]:
        with pytest.raises(ValueError) as error:
            check_real("expected it", value, which)
        finite = "" if "to" in which or "below" in which else ", finite in float32"
        assert str(error.value) == f"{f'expected it {which}'.rstrip()}{finite}, got {value!r}"


def test_a_whole_setting_is_taken_from_its_least():
    for value in (2, np.int32(2), 2**70):
        check_whole("expected it", value, 2)
    check_whole("expected it", 1)
    for value in (1, -2, True, 2.0, "2", None, np.float64(2)):
        with pytest.raises(ValueError, match="^expected it from 2, a whole number, got "):
            check_whole("expected it", value, 2)


@dataclass(frozen=True)
class Settings:
    size: int = 1
    rate: float = 0.5
    share: float = 0.5
    most: int | None = None
    clip: float | None = None
    name: str = ""


def check(**changed):
    settings = Settings(**changed)
    check_fields(settings, "from 0", share="from 0 to 1", size=0)
    return settings


def test_the_fields_of_settings_are_checked_by_their_types_and_limits():
    assert check(size=0, rate=0, share=1, most=1, clip=0, name=3) is not None
    checked = check(size=np.int32(5), most=np.int64(7))
    assert type(checked.size) is type(checked.most) is int and checked.most == 7
    for name, value in {"size": -1, "rate": -1.0, "share": 2.0, "most": 0, "clip": -1.0}.items():
        with pytest.raises(ValueError, match=f"Settings: expected {name} from .* got {value}"):
            check(**{name: value})
    for name in ("size", "rate", "share"):
        with pytest.raises(ValueError, match=f"Settings: expected {name} .* got None"):
            check(**{name: None})


def test_a_real_field_is_above_0_and_a_whole_one_from_1_where_nothing_else_is_said():
    check_fields(Settings(clip=1e-3, most=1))
    for name in ("size", "rate", "most", "clip"):
        with pytest.raises(ValueError, match=f"Settings: expected {name} (above 0|from 1), "):
            check_fields(Settings(**{name: 0}))


def test_what_is_a_number_and_where_an_error_was():
    assert is_number(1) and is_number(1.5)
    assert not (is_number(True) or is_number("1") or is_number(None))
    with pytest.raises(ValueError, match="^config.json: too large$"), said_of("config.json"):
        raise ValueError("too large")
