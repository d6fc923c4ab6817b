"""Changing a number shows what breaks: every sentence is true of the numbers above it."""

import subprocess
import sys
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lora_np import worked_example
from lora_np.system.hints import python
from lora_np.worked_example import __main__ as command
from lora_np.worked_example import screen
from lora_np.worked_example.screen import screens

NOW = "Now B is not 0"
LEARNT = "LoRA learnt another answer"


def text(**settings):
    return "\n".join(screens(worked_example.run(**settings)))


@pytest.mark.parametrize("case", [{"lr": 50}, {"rank": 2, "alpha": 100}, {"lr": 5000}])
def test_an_explosion_is_shown(case):
    numbers = worked_example.run(**case)
    losses = [record["loss"] for record in numbers["steps"]]
    assert np.isfinite(losses).all() and losses == sorted(losses)
    assert numbers["overflow_step"] == len(losses) < 11
    page = text(**case)
    assert f"At step {len(losses)} the loss overflows." in page and LEARNT not in page
    assert "below -1 it" in page and NOW in page


def test_the_first_step_multiplies_dy_by_what_it_says():
    numbers = worked_example.run(lr=50)
    first, second = numbers["steps"][:2]
    factor = 1 - 50 * 2**2 * 0.37**2
    np.testing.assert_allclose(second["dy"], factor * first["dy"])
    assert f"= {factor:.3g}: below -1" in text(lr=50)


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"alpha": 0}, "s is 0, and shuts the path"),
        ({"lr": 0}, "lr is 0"),
        ({"target": (0.43, -0.26)}, "y is t already"),
    ],
)
def test_where_nothing_moves_it_says_why(case, reason):
    page = text(**case)
    assert f"Nothing moved: {reason}." in page
    assert f"A still has no gradient: {reason}." in page
    assert NOW not in page and LEARNT not in page and "below -1" not in page
    assert "has not moved enough to move x2" in page
    assert ("dB is 0 too" in page) == (reason != "lr is 0")
    assert ("has rank 0: it asks for nothing." in page) == (reason == "y is t already")


def test_a_slow_descent_has_not_learnt_the_answer():
    assert "The loss fell to 0.15 of the first." in text(rank=2) and LEARNT not in text(rank=2)
    assert LEARNT in text()


def test_matrices_of_rank_two_have_two_rows():
    numbers = worked_example.run(rank=2)
    for page in screens(numbers)[3], screens(numbers)[5]:
        assert "[0 0 0 0]" not in page
    B = numbers["steps"][1]["B"]
    lines = screens(numbers)[3].splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("     B ="))
    rows = [line.replace("B =", "").split()[:2] for line in lines[start : start + 2]]
    np.testing.assert_allclose(np.array(rows, float), B, atol=5e-5)


WALL = worked_example.run()["rank_wall"]  # the same whatever is asked for, and slow
sizes = st.floats(-6, 60).map(lambda power: 10**power)
signed = st.tuples(sizes, st.sampled_from([1, -1, 0])).map(lambda pair: pair[0] * pair[1])


@given(
    alpha=signed,
    rank=st.sampled_from([1, 2]),
    lr=st.one_of(st.just(0.0), sizes),
    target=st.tuples(signed, signed),
)
@settings(max_examples=100)
def test_any_number_is_shown_in_79_columns(alpha, rank, lr, target):
    """Or refused, where not even one step can be taken. Never a nan, never a warning."""
    try:
        with mock.patch("lora_np.worked_example.numbers.rank_wall", lambda: WALL):
            numbers = worked_example.run(alpha, rank, lr, target)
    except ValueError as error:
        assert "overflows at step" in str(error) or "finite in float32" in str(error)
        return
    page = "\n".join(screens(numbers))
    assert page.isascii() and "nan" not in page
    assert max(map(len, page.splitlines())) <= 79, max(page.splitlines(), key=len)
    first, last = numbers["steps"][0], numbers["steps"][-1]
    assert (LEARNT in page) <= (last["loss"] < first["loss"])
    assert (NOW in page) <= bool(numbers["steps"][1]["B"].any())


class Terminal:
    closed = False

    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("typed", "shown"), [("", 9), (" Q", 1), ("q", 1), (EOFError, 1), (KeyboardInterrupt, 1)]
)
def test_step_waits_and_quits(monkeypatch, capsys, typed, shown):
    def answer(prompt):
        assert "q to quit" in prompt
        if isinstance(typed, str):
            return typed
        raise typed

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", answer)
    command.main(["--step"])
    printed = capsys.readouterr()
    pages = [page.splitlines()[0] for page in screens(worked_example.run())]
    assert [page in printed.out for page in pages] == [i < shown for i in range(9)]
    assert not printed.err


def test_step_without_a_terminal_waits_for_nobody(monkeypatch, capsys):
    for stdin in (None, open(__file__)):
        if stdin:
            stdin.close()
        monkeypatch.setattr(sys, "stdin", stdin)
        command.main(["--step"])
        assert "9  Was it worth it?" in capsys.readouterr().out


def test_next_names_only_what_is_there(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)  # where no environment is
    assert screen.lesson().startswith(f"{python()} -m jupyter lab "), "no environment is active"
    assert screen.lesson().endswith("notebooks/student/01_worked_example.ipynb")
    monkeypatch.setattr(screen, "__file__", str(tmp_path / "a" / "b" / "screen.py"))
    assert screen.lesson() is None
    assert "notebooks" not in text() and f"NEXT  {python()} -m lora_np " in text()


@pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell")
@pytest.mark.parametrize("ends", ["| head -2", "--step <&-", ">&-", "--json | head -1"])
def test_closed_ends_are_no_tracebacks(ends):
    shell = f"set -o pipefail; {sys.executable} -m lora_np.worked_example {ends}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
