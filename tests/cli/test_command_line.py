"""The command line as a stranger meets it: in a process of its own, on a plain console."""

import json
import os
import subprocess
import sys

import pytest

from lora_np import __version__
from lora_np.__main__ import main
from lora_np.course import tour
from lora_np.system import hints
from lora_np.system.hints import python

WORD = "six numbers, a layer, a language model ...\n"  # where the tour takes over a second


def run(*arguments):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, "-m", *arguments], capture_output=True, text=True, env=environment
    )


@pytest.fixture
def short_tour(monkeypatch):
    """The tour with one step of each method; the whole one runs where the wheel is tried."""
    real = tour.language_model
    monkeypatch.setattr(
        tour, "language_model", lambda seed, steps: real(seed, 1, batch_size=1, windows=1)
    )


def test_the_tour_is_plain_ascii_and_fits_any_console(capsys, short_tour, monkeypatch):
    """Also where an environment is named, which need not be active: all commands are of it."""
    monkeypatch.setattr(hints, "python", lambda: ".venv/bin/python")
    assert not main([])
    said = capsys.readouterr()
    assert said.err in ("", WORD) and said.out.isascii()
    assert max(map(len, said.out.splitlines())) <= 79
    next_ = said.out.split("NEXT  ")[1].splitlines()[:-1]
    assert len(next_) == 3 and all(line.split()[:2] == [".venv/bin/python", "-m"] for line in next_)
    for text in ("[0.43 -0.26]", "[0.54 -0.19]", "W's 48 bytes: unchanged"):
        assert text in said.out
    for held in ("12.58 MB", "3.41 MB", "0.70 MB"):
        assert held in said.out


def test_worked_example_on_an_ascii_console():
    result = run("lora_np.worked_example", "--step")
    assert result.returncode == 0 and not result.stderr
    assert "a slip" in result.stdout


def test_tour_as_json(capsys, short_tour):
    assert not main(["--json", "--seed", "3"])
    numbers = json.loads(capsys.readouterr().out)
    assert numbers["seed"] == 3 and numbers["language_model"]["rows"][1]["seed"] == 3
    assert [row["trained"] for row in numbers["layer"]["rows"]][:2] == [786_432, 16_384]


def test_a_wrong_command_exits_2_and_lists_the_right_ones():
    result = run("lora_np", "toor")
    assert result.returncode == 2
    assert "invalid choice: 'toor'" in result.stderr and "tour" in result.stderr


def test_help_lists_the_commands():
    result = run("lora_np", "--help")
    assert result.returncode == 0 and "tour" in result.stdout


def test_it_says_its_version_and_what_was_typed(capsys, monkeypatch, tmp_path):
    """`lora-np` where the installed command was typed, `python -m lora_np` elsewhere."""
    monkeypatch.chdir(tmp_path)  # where no environment is
    for typed, shown in {
        "/bin/lora-np": "lora-np",
        "__main__.py": f"{python()} -m lora_np",
    }.items():
        monkeypatch.setattr(sys, "argv", [typed])
        assert main(["inspect", "gone"]) == 2
        assert capsys.readouterr().err.startswith(f"{shown}: error: ")
        with pytest.raises(SystemExit) as stop:
            main(["--version"])
        assert not stop.value.code and capsys.readouterr().out == f"lora_np {__version__}\n"
