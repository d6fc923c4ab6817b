"""Ctrl-C ends a command at a whole step, says what is kept and the command that goes on."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from lora_np.__main__ import main
from lora_np.cli import chat, compare
from lora_np.course import tour
from lora_np.recipes import finetune
from lora_np.system.process import interrupts_end_all

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as a POSIX terminal sends them")
RUN = [sys.executable, "-m", "lora_np"]
SHORT = ["--windows", "1", "--batch-size", "1", "--length", "16"]


@pytest.fixture(autouse=True)
def pythons_own_ctrl_c():
    """A shell that started this in the background told it to ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def pressed(monkeypatch, at):
    """Press Ctrl-C in the `at`-th step of any fine-tune; returns the list of steps begun."""
    real, steps = finetune.cross_entropy, []

    def objective(logits, batch):
        steps.append(len(batch))
        if len(steps) == at:
            signal.raise_signal(signal.SIGINT)
        return real(logits, batch)

    monkeypatch.setattr(finetune, "cross_entropy", objective)
    return steps


def test_the_tour_ends_and_does_not_go_on_half_trained(monkeypatch, capsys):
    monkeypatch.setattr(tour, "layer_table", lambda seed: None)
    monkeypatch.setattr(finetune, "held_out_losses", lambda *_: {"code": 1.0, "prose": 1.0})
    steps = pressed(monkeypatch, 4)
    assert main(["tour", "--seed", "3"]) == 130
    said = capsys.readouterr()
    assert len(steps) == 4 and not said.out
    assert "Interrupted. Nothing is kept; again with: " in said.err
    assert said.err.rstrip().endswith("-m lora_np tour --seed 3")


def test_finetune_keeps_what_is_done_and_says_how_to_go_on(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(finetune, "held_out_losses", lambda *_: {"code": 1.0})
    pressed(monkeypatch, 4)
    typed = ["finetune", *SHORT, "--out", str(tmp_path / "a run")]
    assert main(typed) == 130
    out = capsys.readouterr().out
    assert "Interrupted after" in out and "of 300 steps. All of it is kept; go on with: " in out
    assert f"--out '{tmp_path}/a run' --resume" in out


def test_without_a_folder_nothing_is_kept_of_a_finetune(monkeypatch, capsys):
    monkeypatch.setattr(finetune, "held_out_losses", lambda *_: {"code": 1.0})
    pressed(monkeypatch, 4)
    assert main(["finetune", *SHORT]) == 130
    out = capsys.readouterr().out
    assert "Nothing is kept without --out DIR; again with: " in out
    assert f"-m lora_np finetune {' '.join(SHORT)}\n" in out


def test_before_the_first_step_a_run_can_begin_again(monkeypatch, capsys, tmp_path):
    def press(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(finetune, "held_out_losses", press)
    typed = ["finetune", *SHORT, "--out", str(tmp_path / "run")]
    for _ in range(2):
        assert main(typed) == 130
        error = capsys.readouterr().err
        assert "No step was done yet; again with: " in error and "--resume" not in error


def test_compare_shows_what_had_ended(monkeypatch, capsys):
    def load(name):
        if name == "distillation":
            raise KeyboardInterrupt
        done = type(name, (), {})
        done.run, done.table = (
            (lambda seeds, quick, **where: {"of": name}),
            (lambda numbers: f"table {name}"),
        )
        return done

    monkeypatch.setattr(compare, "load", load)
    assert main(["compare", "--quick"]) == 130
    error = capsys.readouterr().err
    assert "table methods" in error and "table methods_text" in error
    assert "table distillation" not in error and error.rstrip().endswith(" compare --quick")
    assert "Nothing else is kept; again with: " in error


def test_compare_says_where_its_runs_are(monkeypatch, capsys):
    def load(name):
        raise KeyboardInterrupt

    monkeypatch.setattr(compare, "load", load)
    assert main(["compare", "raft", "--runs", "some where"]) == 130
    error = capsys.readouterr().err
    assert "is kept in some where; the same command goes on: " in error
    assert error.rstrip().endswith("compare raft --runs 'some where'")


def test_chat_ends_the_answer_and_not_the_talk(monkeypatch, capsys):
    asked = iter(["one", "two", ""])

    def reply(model, tokenizer, messages, n, **how):
        talks.append([text for _, text in messages])
        yield from ("to ", messages[-1][1])
        if messages[-1][1] == "one":
            raise KeyboardInterrupt

    talks = []
    monkeypatch.setattr(chat, "ask", lambda: next(asked))
    monkeypatch.setattr(chat, "reply", reply)
    monkeypatch.setattr(chat, "open_adapted", lambda options: (None, None))
    assert not main(["chat"])
    assert talks == [["one"], ["one", "to one", "two"]]
    assert capsys.readouterr().out == "to one\nto two\n"


def test_a_sweep_ends_soon_and_keeps_whole_runs(tmp_path):
    out = tmp_path / "runs"
    typed = ["sweep", "--steps", "200", "--seeds", "2", "--processes", "1", "--out", str(out)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    run = subprocess.Popen(
        [*RUN, *typed], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    while not out.exists():  # made just before the runs begin
        assert run.poll() is None
        time.sleep(0.1)
    time.sleep(2)
    os.killpg(run.pid, signal.SIGINT)  # as a terminal does: to the workers too
    said, error = run.communicate(timeout=3600)
    assert run.returncode == 130 and not said
    assert f"0 of 2 runs are kept in {out}; the same command goes on: " in error
    assert "Traceback" not in error
    assert "2 runs; each is kept in" in error  # and within a second it said what it does


def test_a_run_that_ends_a_command_raises_after_its_step(monkeypatch):
    from helpers.runs import draw, run, start

    def press_at_the_second(rng):
        for number, batch in enumerate(draw(rng), start=1):
            if number == 2:
                signal.raise_signal(signal.SIGINT)
            yield batch

    parts = start()
    before = [p.data.copy() for p in parts[0].trainable_parameters()]
    with interrupts_end_all(), pytest.raises(KeyboardInterrupt):
        run(8, parts=parts, batches=press_at_the_second(parts[2]))
    after = parts[0].trainable_parameters()
    assert any(not np.array_equal(a, p.data) for a, p in zip(before, after))
    assert all(p.grad is None for p in after), "the step was whole"
