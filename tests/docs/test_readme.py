"""What the README shows is what happens."""

import re
from pathlib import Path

import numpy as np
import pytest

import lora_np
from lora_np.__main__ import make_parser

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_six_lines_run_and_print_what_they_say():
    code = re.search(r"```python\n(.*?)```", README, re.S).group(1)
    names = {}
    exec(code, names)
    shown = re.search(r"# \[\[ *([-0-9. ]+)\]\]", code).group(1)
    np.testing.assert_allclose(names["y"].ravel(), [float(v) for v in shown.split()])
    assert names["layer"].base.weight.grad is None and names["layer"].B.grad is not None


def test_a_module_of_your_own_learns_with_its_weights_frozen():
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "(Module)" in c)
    first, last = re.search(r"falls from ([\d.]+) to ([\d.]+)", README).groups()
    names = {}
    exec(code.replace("range(201)", "range(1)"), names)
    assert f"{np.square(names['y'] - names['x'][:, :2] * names['x'][:, 2:]).mean():.2f}" == first
    exec(code, names)
    assert f"{np.square(names['y'] - names['x'][:, :2] * names['x'][:, 2:]).mean():.2f}" == last
    assert all(p.grad is None for p in names["net"].parameters() if not p.trainable)


@pytest.mark.long
def test_the_run_from_end_to_end_learns_and_is_saved(tmp_path, monkeypatch, capsys):
    code = next(c for c in re.findall(r"```python\n(.*?)```", README, re.S) if "load_model()" in c)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    before, after, written = capsys.readouterr().out.split("\n", 2)
    assert float(after) < float(before) - 0.1 and written.startswith("def ")
    assert {path.name for path in (tmp_path / "my-adapter").iterdir()} == {
        "adapter_config.json", "adapter_model.safetensors",
    }  # fmt: skip


def test_the_first_thirty_lines_hold_both_commands():
    head = README.splitlines()[:30]
    commands = [line for line in head if line.startswith("python3 -m venv .venv && ")]
    assert commands[0].endswith("-m lora_np") and " -m pytest -q" in commands[1]


def test_every_link_and_folder_exists():
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for folder in re.findall(r"^\| `([a-z_]+/)`", README, re.M):
        assert (ROOT / folder).is_dir(), folder


def test_the_slip_is_named():
    assert "[0.54, −0.19]" in README and "[0.43, −0.26]" in README


def test_the_real_models_commands_are_ones_that_there_are():
    commands = re.findall(r"^\.venv/bin/python -m lora_np (.+)$", README, re.M)
    assert len(commands) == 3
    for command in commands:
        make_parser().parse_args(command.split())


def test_the_newest_release_is_the_package_s_version_and_what_is_cited():
    """What is not released yet may stand above it in the list of changes."""
    changes, citation = ((ROOT / f).read_text("utf-8") for f in ("CHANGELOG.md", "CITATION.cff"))
    version, date = re.search(r"^## (\d\S*), (\S+)$", changes, re.M).groups()
    cited = re.search(r"^version: (\S+)\ndate-released: (\S+)$", citation, re.M).groups()
    assert cited == (version, date) and lora_np.__version__ == version


def test_commands_name_the_environment_that_the_first_one_makes():
    """A `python` of one's own has no lora_np: what a newcomer types first must find it."""
    assert not re.findall(r"`python -m lora_np\b[^`]*`", README)
