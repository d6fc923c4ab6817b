"""Closed streams, a --out that would be lost, and what Ctrl-C and a late --resume say."""

import os
import subprocess
import sys

import pytest

from lora_np.__main__ import main

RUN = [sys.executable, "-W", "error", "-m", "lora_np"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
ENVIRONMENT.pop("PYTHONUNBUFFERED", None)  # then a closed stream is met early, and not at the end
MEMORY, GENERATE, HELP = ["memory", "--shape", "8", "8"], ["generate", "--tokens", "2"], ["--help"]
CLOSED = [("<&-", GENERATE), (">&-", MEMORY), (">&-", HELP), ("<&- >&- 2>&-", GENERATE)]
CLOSED += [("<&- >&- 2>&-", HELP)] + [("| true", each) for each in (MEMORY, GENERATE, HELP)]


@pytest.mark.skipif(os.name != "posix", reason="a shell's way to close a stream")
@pytest.mark.parametrize(("closed", "command"), CLOSED)
def test_no_command_breaks_on_a_closed_stream(closed, command):
    shell = ["bash", "-c", f'"$@" {closed}', "-", *RUN, *command]
    done = subprocess.run(shell, env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode in (0, 141) and "Traceback" not in done.stderr, done.stderr
    assert not done.stderr


@pytest.mark.skipif(os.name != "posix", reason="a pipe as a shell makes it")
@pytest.mark.parametrize(
    ("module", "option"), [("lora_np", "--version"), ("lora_np.worked_example", "--help")]
)
def test_help_may_be_cut_short(module, option):
    """The reader is gone before the first word, so Python meets it at its last flush."""
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-W", "error", "-m", module, option]
    done = subprocess.run(
        command, env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, text=True
    )
    os.close(writer)
    assert "Exception" not in done.stderr and done.returncode in (0, 2, 141), done.stderr


def test_a_file_that_is_there_is_never_overwritten(tmp_path, capsys):
    kept = tmp_path / "kept.json"
    kept.write_text("mine")
    assert main(["memory", "--shape", "8", "8", "--out", str(kept)]) == 2
    assert "is there already" in capsys.readouterr().err and kept.read_text() == "mine"


def test_a_folder_that_cannot_be_written_to_is_said_before_the_work(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["memory", "--shape", "8", "8", "--out", str(tmp_path / "file/sub/x.json")]) == 2
    assert "there is no folder" in capsys.readouterr().err


def test_too_large_a_layer_is_an_error_of_one_line(capsys):
    assert main(["memory", "--shape", "100000000", "100000000"]) == 2
    error = capsys.readouterr().err
    assert "not enough memory" in error and error.count("\n") == 1


def test_a_talk_with_no_end_has_no_result_to_write(capsys):
    assert main(["chat", "--json"]) == 2
    assert "need --prompt" in capsys.readouterr().err


def test_a_prompt_near_the_context_gets_the_tokens_that_fit(capsys):
    assert not main(["generate", "--prompt", "x" * 180, "--temperature", "0"])
    assert len(capsys.readouterr().out) > 180


def test_samples_are_read_by_their_fields_and_said(tmp_path, capsys):
    rows = [f'{{"q": "question {i}?", "a": "answer {i}."}}' for i in range(40)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows), encoding="utf-8")
    short = ["--steps", "1", "--windows", "1", "--batch-size", "1", "--length", "32"]
    data = ["finetune", "--data", str(tmp_path / "rows.jsonl"), "--field", "q", "a", *short]
    assert not main(data)
    assert "only those count" in capsys.readouterr().err
    assert main(["finetune", "--field", "q"]) == 2
    assert "of a text of your own" in capsys.readouterr().err
    assert main(["sweep", "--data", "-"]) == 2


def test_an_earlier_run_is_never_overwritten(tmp_path, capsys):
    short = ["--steps", "1", "--windows", "1", "--batch-size", "1", "--length", "32"]
    run = ["finetune", *short, "--out", str(tmp_path / "a run")]
    assert not main(run)
    assert f"--adapter '{tmp_path}/a run'" in capsys.readouterr().out
    before = (tmp_path / "a run" / "results.json").read_bytes()
    assert main(run) == 2
    assert "--resume" in capsys.readouterr().err
    assert (tmp_path / "a run" / "results.json").read_bytes() == before
