"""Every numeric setting, of the library and of every command, says what it cannot be.

The settings are found in the signatures: a new one without a row in setting_rows.py fails here.
"""

import argparse

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.setting_cases import INTERNAL, KINDS, found
from contracts.setting_rows import ROWS
from lora_np.__main__ import main, make_parser
from lora_np.objectives import Distillation
from lora_np.system.checks import REAL, check_real
from lora_np.tasks import TaughtBatch

CASES = [pytest.param(*row[1:], id=f"{i} {row[0]}") for i, row in enumerate(ROWS)]


def test_every_numeric_setting_has_a_row():
    wanted = {f"{place}.{name}" for place, names in found().items() for name in names}
    rows = {f"{place}.{name}" for place, _, settings in ROWS for name in settings}
    assert wanted - rows == set(), "new settings: say in setting_rows.py what they may be"
    assert rows - wanted == set(), "rows of settings that are gone"
    assert len(INTERNAL) == len(set(INTERNAL))


@pytest.mark.parametrize(("call", "settings"), CASES)
def test_a_setting_refuses_what_it_cannot_be_by_name(call, settings):
    for name, kind in settings.items():
        for bad in KINDS[kind]:
            refuses(call, name, bad)


def refuses(call, name, bad):
    with pytest.raises(ValueError) as refused:
        call(**{name: bad})
    message = str(refused.value)
    assert name in message or name.replace("_", " ") in message, message
    came = bad[0] if isinstance(bad, list) else bad
    each = came if isinstance(came, tuple) else (came,)
    assert any(repr(value) in message for value in each), message
    assert "expected" in message and len(message) < 200, message


@given(st.sampled_from(sorted(REAL)), st.floats(), st.booleans())
def test_what_passes_is_a_number_in_float32_too(which, value, single):
    with np.errstate(over="ignore", under="ignore"):
        value = np.float32(value) if single else value
    try:
        check_real("expected it", value, which)
    except ValueError:
        return
    with np.errstate(under="ignore", over="ignore"):
        used = np.float32(value)
    assert np.isfinite(used)
    if which == "above 0":
        assert used > 0


@given(st.floats(1e-18, 1e18), st.integers(0, 99))
def test_any_temperature_that_is_taken_gives_finite_numbers(temperature, seed):
    rng = np.random.default_rng(seed)
    logits, teacher = (30 * rng.standard_normal((2, 3, 5), np.float32) for _ in range(2))
    tokens = np.zeros((2, 3), int)
    batch = TaughtBatch(tokens, tokens, np.ones((2, 3), np.float32), teacher)
    loss, dlogits = Distillation(temperature)(logits, batch)
    assert np.isfinite(loss) and np.isfinite(dlogits).all()


def options():
    """(the words before it, the action) of every option and argument of every command."""
    parser = make_parser()
    commands = next(a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, each in {"": parser, **commands.choices}.items():
        for action in each._actions:
            if action.type is not None:
                yield name, action


NUMBERS = [pytest.param(name, action, id=f"{name} {action.dest}") for name, action in options()]


@pytest.mark.parametrize(("command", "action"), NUMBERS)
def test_an_option_refuses_what_it_cannot_be_as_a_usage_error(command, action, capsys):
    """One that is a bare int or float would take nan, or -1, and fail in the midst of the work."""
    for bad in ("-1", "nan", "inf", "1e99", "True", "", "1,5", "x"):
        is_a_usage_error(command, action, bad, capsys)


def is_a_usage_error(command, action, bad, capsys):
    assert action.type not in (int, float)
    if action.dest == "alpha" and bad == "-1":
        return  # a scale below 0 turns LoRA's path round; nothing breaks
    count = action.nargs if isinstance(action.nargs, int) else 1
    option = action.option_strings[-1]
    with pytest.raises(SystemExit) as ended:
        typed = [f"{option}={bad}"] if count == 1 else [option, *[bad] * count]
        main([*filter(None, [command]), *typed])
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert option in error and ("finite number" in error or "whole number" in error)
    assert repr(bad) in error or bad == "-1" and "expected" in error  # as an option, it may seem


ZERO = [case for case in NUMBERS if "whole number from 1" in case.values[1].type.__name__]


@pytest.mark.parametrize(("command", "action"), ZERO)
def test_a_count_of_0_is_a_usage_error(command, action, capsys):
    is_a_usage_error(command, action, "0", capsys)
