"""What is said to do next: the name that was meant, and a command that runs as it stands."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import small_gpt
from lora_np.methods.targets import matching_linears
from lora_np.system import hints

NAMES = ["tour", "finetune", "generate", "smollm2", "c_attn", "road", "lora"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("fintune", "finetune"),
        ("TOUR", "tour"),
        ("smolm2", "smollm2"),
        ("c_atn", "c_attn"),
        ("lroa", "lora"),  # two letters swapped, and "road" shares as many
    ],
)
def test_the_nearest_name_is_meant(word, meant):
    assert hints.did_you_mean(word, NAMES) == f"; did you mean {meant!r}?"


def test_a_layer_of_another_family_is_not_meant():
    with pytest.raises(ValueError) as refused:
        matching_linears(small_gpt(), ("q_proj",))
    assert "did you mean" not in str(refused.value)


def test_nothing_is_meant_by_a_word_of_another_kind():
    assert hints.did_you_mean("xyzzy", NAMES) == hints.did_you_mean("tour", []) == ""


@given(st.sampled_from(NAMES), st.data())
def test_one_letter_left_out_is_understood(name, data):
    at = data.draw(st.integers(0, len(name) - 1))
    assert repr(name) in hints.did_you_mean(name[:at] + name[at + 1 :], NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_two_neighbours_swapped_are_understood_whatever_else_is_as_near(name):
    for at in range(len(name) - 1):
        typed = name[:at] + name[at + 1] + name[at] + name[at + 2 :]
        assert hints.did_you_mean(typed, NAMES) == f"; did you mean {name!r}?"


def test_names_of_layers_are_counted_by_their_kind():
    names = [f"h.{i}.attn.c_attn" for i in range(300)] + ["lm_head"]
    assert hints.counted(names) == "attn.c_attn (300), lm_head (1)"
    many = hints.counted([f"layer_{chr(97 + i)}" for i in range(20)])
    assert many.endswith("layer_l (1) and 8 more")
    assert hints.counted(["a", "b"], 2) == "a (1), b (1)"


def test_a_command_is_quoted_and_runs_from_here():
    typed = hints.command("generate", "--adapter", "my adapter")
    assert typed.endswith(" -m lora_np generate --adapter 'my adapter'")
    start = shlex.split(hints.command("--version"))
    if hints.python() != "python":  # what "python" is where no environment is active, nobody knows
        assert subprocess.run(start, capture_output=True).returncode == 0


def test_python_is_the_one_that_runs(tmp_path, monkeypatch):
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    own = tmp_path / ".venv" / "bin" / "python"
    own.symlink_to(sys.executable)
    monkeypatch.setattr(sys, "executable", str(own))
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path)
    assert hints.python() == ".venv/bin/python"
    monkeypatch.setenv("PATH", str(own.parent))
    assert hints.python() == "python"
    monkeypatch.setenv("PATH", "")
    monkeypatch.chdir(tmp_path / ".venv")
    assert hints.python() == "bin/python"
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert hints.python() == "python"
    monkeypatch.chdir("/")
    assert hints.python() in ("python", str(own.relative_to("/")))


def test_the_installed_command_names_itself(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/somewhere/bin/lora-np"])
    assert hints.command("tour") == "lora-np tour"
    assert hints.program("lora_np.worked_example").endswith("-m lora_np.worked_example")
