"""The command `sweep`, on a tiny model and a tiny text."""

import json

import numpy as np
import pytest

from lora_np.__main__ import main
from lora_np.checkpoint import save_gpt2
from lora_np.cli import sweep as command
from lora_np.methods import LoRA
from lora_np.nn import GPT, GPTConfig
from lora_np.recipes.finetune import finetune
from lora_np.system.hints import program
from lora_np.tokenizers.byte import VOCABULARY


def tiny_grid(directory, *more):
    """The command's arguments, with a base and a text of their own in `directory`."""
    config = GPTConfig(VOCABULARY, n_positions=128, n_embd=8, n_layer=1, n_head=2)
    save_gpt2(GPT(config, np.random.default_rng(0)), directory / "base")
    paragraphs = [f"Paragraph {i} says this and that. " * 60 for i in range(3)]
    (directory / "own.txt").write_text("\n\n".join(paragraphs), encoding="utf-8")
    arguments = [
        "sweep",
        "--base",
        directory / "base",
        "--data",
        directory / "own.txt",
        "--steps",
        2,
        "--batch-size",
        2,
        "--out",
        directory / "out",
        *more,
    ]
    return [str(argument) for argument in arguments]


def run(capsys, arguments):
    assert not main(arguments)
    return capsys.readouterr().out


def test_a_grid_its_runs_and_its_table(tmp_path, capsys):
    """Full fine-tuning has no rank, so it is there once; two processes share five cells."""
    grid = tiny_grid(
        tmp_path,
        "--method",
        "lora",
        "full",
        "--rank",
        1,
        2,
        "--lr",
        0.01,
        "--seeds",
        2,
        "--seed",
        3,
        "--processes",
        2,
    )
    runs = json.loads(run(capsys, [*grid, "--json"]))
    cells = [(r["cell"]["method"], r["cell"].get("rank"), r["cell"]["seed"]) for r in runs]
    assert cells == [
        ("lora", 1, 3),
        ("lora", 1, 4),
        ("lora", 2, 3),
        ("lora", 2, 4),
        ("full", None, 3),
        ("full", None, 4),
    ]
    own = str(tmp_path / "own.txt")
    after = [r["result"]["after"][own] for r in runs]
    shown = run(capsys, grid)
    for k, name in enumerate(("lora ", "lora ", "full ")):
        pair = after[2 * k : 2 * k + 2]
        line = shown.splitlines()[1 + k]
        assert line.startswith(name) and f"{np.mean(pair):.4f} ± {np.std(pair):.4f}" in line
    base, reading, kept, _ = command.opened(str(tmp_path / "base"), own)
    options = {"lr": 0.01, "steps": 2, "batch_size": 2, "seed": 4}
    _, _, alone = finetune(base, LoRA(2, 4.0, "all-linear"), reading, kept, **options)
    assert alone["after"] == runs[3]["result"]["after"], "what finetune gives, to the bit"


def test_a_rate_that_is_too_high_is_a_row_and_no_error(tmp_path, capsys):
    grid = tiny_grid(
        tmp_path, "--method", "full", "--lr", 1e20, 1e-3, "--seeds", 1, "--processes", 1
    )
    shown = run(capsys, grid)
    assert "1e+20      1   1 diverged" in shown and "0.001      1" in shown


def test_another_text_on_a_worker_is_an_error(tmp_path):
    assert not main(tiny_grid(tmp_path, "--seeds", 1, "--processes", 1))
    cell = json.loads(next((tmp_path / "out").iterdir()).read_text(encoding="utf-8"))["cell"]
    with pytest.raises(ValueError, match="another than where the sweep began"):
        command.run_cell({**cell, "digest": "other"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "sweep needs --out DIR"),
        (["sweep", "--out", "o", "--data", "gone.txt"], "gone.txt: No such file"),
        (["sweep", "--out", "o", "--base", "nowhere"], "nowhere"),
        (
            ["sweep", "--out", "o", "--method", "full", "head", "--rank", "2"],
            "--rank is no setting of --method full head",
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_2(capsys, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"{program()}: error: ") and message in error
    assert error.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_cell_that_fails_exits_2(capsys, tmp_path):
    """A rank above the layers' width is known only when the method is applied."""
    assert main(tiny_grid(tmp_path, "--rank", 1, 50, "--seeds", 1, "--processes", 1)) == 2
    error = capsys.readouterr().err
    assert "1 of 2 cells are kept" in error and "expected a rank from 1 to min(in, out)" in error


def test_a_sweep_reads_the_forms_that_finetune_reads(tmp_path, capsys):
    rows = [json.dumps({"said": f"Row {i} says this and that. " * 9}) for i in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    data = ["--data", tmp_path / "rows.jsonl", "--field", "said", "--form", "jsonl"]
    assert not main(tiny_grid(tmp_path, *data, "--seeds", 1, "--processes", 1, "--json"))
    (run,) = json.loads(capsys.readouterr().out)
    assert run["cell"]["field"] == ["said"] and run["cell"]["form"] == "jsonl"
    assert main(["sweep", "--field", "said", "--out", str(tmp_path / "other")]) == 2
    assert "of a text of your own" in capsys.readouterr().err
