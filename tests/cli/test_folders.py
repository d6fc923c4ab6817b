"""--out: what is refused leaves nothing behind, and a run goes on only as one that it is."""

import numpy as np
import pytest

from lora_np import PromptTuning, save_adapter
from lora_np.__main__ import main
from lora_np.checkpoint import load_base
from lora_np.cli.folders import made

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
