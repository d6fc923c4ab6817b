"""The comparison command: one experiment, bad input, and the summary's arithmetic."""

import numpy as np
import pytest

from lora_np.__main__ import main
from lora_np.course.experiments import summary


@pytest.mark.long
def test_one_experiment_prints_its_table(capsys, tmp_path):
    figure, numbers = tmp_path / "raft.png", tmp_path / "raft.json"
    status = main(["compare", "raft", "--quick", "--plot", str(figure), "--out", str(numbers)])
    printed = capsys.readouterr().out
    assert not status and "RAFT, P = 0.6" in printed and "golden there" in printed
    assert figure.read_bytes()[:4] == b"\x89PNG" and b"rag_bytes_unchanged" in numbers.read_bytes()


@pytest.mark.parametrize(
    "arguments, option",
    [
        (["compare", "raft", "--quick", "--seeds", "2"], "--seeds"),
        (["compare", "raft", "--quick", "--runs", "somewhere"], "--runs"),
        (["compare", "raft", "--quick", "--processes", "2"], "--processes"),
        (["compare", "raft", "--seed", "3"], "--seed"),
        (["real", "skill", "--quick", "--seeds", "2"], "--seeds"),
    ],
)
def test_an_option_that_would_be_ignored_is_refused(arguments, option, capsys, monkeypatch):
    monkeypatch.chdir("/")
    assert main(arguments) == 2
    assert option in capsys.readouterr().err


def test_a_plot_needs_one_experiment(capsys):
    assert main(["compare", "--plot", "all.png"]) == 2
    assert "name the experiment" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["compare", "methds"], ["compare", "raft", "--seeds", "0"]])
def test_bad_arguments_exit_2(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2


def test_summary_rows_average_over_seeds():
    numbers = {
        "columns": ["retrieved", "distractors only"],
        "trained": 10,
        "base_parameters": 40,
        "rows": {"base": [[0.9, 0.1], [0.7, 0.3]], "RAFT, P = 0.6": [[1.0, 0.8], [1.0, 0.6]]},
    }
    rag, raft = summary.from_raft(numbers)
    np.testing.assert_allclose(rag[-2:], [0.2, 0.8])
    np.testing.assert_allclose(raft[-2:], [0.2, 0.7])
    assert rag[4] == 0 and raft[4] == 0.25
