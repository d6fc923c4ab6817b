"""--out: what is refused leaves nothing behind, and a run goes on only as one that it is."""

import argparse
import dataclasses
import json

import numpy as np
import pytest

from lora_np import FullFineTuning, PromptTuning, save_adapter
from lora_np.__main__ import main, make_parser
from lora_np.checkpoint import load_base
from lora_np.cli import finetune
from lora_np.cli.folders import made

SHORT = ["--windows", "1", "--batch-size", "1", "--length", "32"]
TEXTS = {"empty.txt": b"", "short.txt": b"One.\n\nTwo.", "latin.txt": b"caf\xe9 " * 999,
         "broken.jsonl": b'{"text": "a"}\n{"text": \n'}  # fmt: skip


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with texts that cannot be read, and a prompt's adapter, which is no weight."""
    monkeypatch.chdir(tmp_path)
    for name, content in TEXTS.items():
        (tmp_path / name).write_bytes(content)
    save_adapter(PromptTuning(2).apply(load_base(), np.random.default_rng(0)), tmp_path / "prompt")
    return tmp_path


def inside(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes()
            for path in folder.rglob("*")}  # fmt: skip


REFUSED = [
    *(["finetune", "--data", name] for name in ("missing.txt", *TEXTS)),
    ["finetune", "--set", "nosuch=3"],
    ["finetune", "--base", "nosuch"],
    ["finetune", "--rank", "1000"],
    ["finetune", "--length", "1000"],
    ["finetune", "--targets", "nosuch"],
    ["finetune", "--resume"],
    ["pretrain", "--resume"],
    ["merge", "--adapter", "prompt"],
    ["merge", "--adapter", "nosuch"],
    ["convert", "--adapter", "prompt", "--rank", "2"],
    ["convert", "--adapter", "nosuch", "--form", "mlx"],
    ["export", "--base", "nosuch"],
    ["sweep", "--rank", "1000", "--lr", "0.1", "--seeds", "1", "--processes", "1"],
]


@pytest.mark.parametrize("typed", REFUSED, ids=" ".join)
def test_what_is_refused_leaves_nothing_that_was_not_there(here, capsys, typed):
    before = inside(here)
    assert main([*typed, "--out", "new/folder"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].count("new/folder") <= 1, "said twice"
    assert inside(here) == before
    (here / "mine").mkdir()
    assert main([*typed, "--out", "mine"]) == 2
    assert inside(here / "mine") == {}, "a folder that was there stays, as it was"


def test_work_that_fails_takes_no_folder_in_which_there_is_something(tmp_path):
    with pytest.raises(KeyError), made(tmp_path / "a" / "b"):
        (tmp_path / "a" / "another's").touch()
        raise KeyError
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "another's"]


def test_a_run_that_was_begun_is_not_asked_for_fewer_steps(here, capsys):
    """It says so before anything is read; and the card's command needs no run to go on with."""
    typed = ["finetune", *SHORT, "--out", "run", "--steps"]
    assert not main([*typed, "1"])
    assert not main([*typed, "3", "--resume"])
    card = (here / "run" / "README.md").read_text("utf-8")
    assert f"{' '.join(typed)} 3`" in card and "--resume" not in card
    before = inside(here / "run")
    capsys.readouterr()
    assert main([*typed, "2", "--resume"]) == 2
    said = capsys.readouterr()
    assert "the run is at step 3 already; --steps 2 asks for fewer" in said.err
    assert "then 2 steps" not in said.err and inside(here / "run") == before
    assert json.loads((here / "run" / "run.json").read_text("utf-8"))["steps"] == 1


def test_a_method_that_could_not_be_saved_is_not_trained(here, capsys, monkeypatch):
    """`--out` is asked for its form first; without one, it may train."""

    @dataclasses.dataclass(frozen=True)
    class Formless(FullFineTuning):
        name = "formless"

    monkeypatch.setitem(finetune.BY_NAME, "formless", Formless())
    monkeypatch.setattr(finetune, "open_base", None)  # what comes next
    options = main_options("finetune", "--out", "run")
    options.method = "formless"
    with pytest.raises(ValueError, match="^formless has no form in checkpoint/peft: "):
        finetune.run(options)
    assert not (here / "run").exists()
    options.out = None
    with pytest.raises(TypeError):
        finetune.run(options)


def main_options(*typed):
    parser = make_parser()
    return parser.parse_args(typed, argparse.Namespace(seed=0, json=False, out=None, typed=typed))
