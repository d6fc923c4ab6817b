"""The command `memory`: what training holds, measured, by formula, and as published."""

import json

import pytest

from lora_np.__main__ import main


def run_json(capsys, *arguments):
    assert not main([str(a) for a in arguments] + ["--json"])
    return json.loads(capsys.readouterr().out)


def test_memory_of_a_layer_is_measured_and_predicted_alike(capsys, tmp_path):
    out = tmp_path / "layer.json"
    numbers = run_json(capsys, "memory", "--shape", 64, 24, "--rank", 3, "--out", out)
    assert [row["total"] for row in numbers["rows"]] == [r["predicted"] for r in numbers["rows"]]
    assert numbers["rows"][1]["trained"] == 3 * (64 + 24)
    assert json.loads(out.read_text(encoding="utf-8")) == numbers


@pytest.mark.parametrize(
    ("what", "unit", "full"),
    [(["--shape", "64", "24"], "MB", "0.025"), (["--model", "gpt2"], "GB", "1.991")],
)
def test_bytes_are_shown_in_a_unit_of_their_size(what, unit, full, capsys):
    """Of 16 bytes a number; 64·24 and 124,439,808 numbers."""
    assert not main(["memory", *what])
    lines = capsys.readouterr().out.splitlines()
    (head,) = (at for at, line in enumerate(lines) if line.startswith(("MB", "GB")))
    assert lines[head].startswith(unit) and lines[head + 1].split()[-1] == full


def test_memory_measured_in_a_step_is_near_what_is_predicted(capsys, monkeypatch):
    monkeypatch.setattr("lora_np.cli.memory.SHAPES", [(1, 64, 64, 4)])
    rows = run_json(capsys, "memory", "--measure", "--rank", 3)["rows"]
    assert [row["method"] for row in rows] == ["full", "LoRA", "QLoRA"]
    assert all(0.85 < row["measured"] / row["predicted"] < 1.15 for row in rows)
    assert not main(["memory", "--measure"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 79


@pytest.mark.parametrize("model", ["gpt2", "gpt3-175b", "llama-65b"])
def test_memory_of_a_model_shows_published_figures_beside_one_assumption(capsys, model):
    assert not main(["memory", "--model", model])
    shown = capsys.readouterr().out
    assert shown.isascii() and max(map(len, shown.splitlines())) <= 79
    assert "16.000 bytes a weight" in shown and "A number that learns costs\n16 bytes" in shown
    implied = {"gpt2": [], "gpt3-175b": ["6.86", "2.00", "1.85"], "llama-65b": ["12.00", "0.74"]}
    assert all(figure in shown for figure in implied[model])
    assert ("differ from each other" in shown) == bool(implied[model])
