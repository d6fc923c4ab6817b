"""What a stranger's file may not do: end the process, escape its folder, or pass for another."""

import os

import numpy as np
import pytest

from golden.readers.golden_hf import GOLDEN
from lora_np.checkpoint import load_gpt2, safetensors_io
from lora_np.cli.options import write_texts
from lora_np.cli.sweep import check_result
from lora_np.course.classroom.grade import wanted
from lora_np.course.classroom.handed_in import submissions
from lora_np.recipes.sweep import path_of, read
from lora_np.tasks import text
from lora_np.train import train
from lora_np.train.resume import load_state, save_state
from robustness.fuzz_states import CELL, RESULT, run


@pytest.fixture
def shrinks(monkeypatch):
    """Every safetensors file loses its second half once its header was read."""
    tensors_of = safetensors_io.tensors_of

    def then_cut(file, path):
        found = list(tensors_of(file, path))
        os.truncate(path, os.path.getsize(path) // 2)
        return found

    monkeypatch.setattr(safetensors_io, "tensors_of", then_cut)


def test_a_state_that_shrinks_while_it_is_read_is_an_error(tmp_path, shrinks):
    model, optimizer, rng, history = run()
    save_state(tmp_path / "state", model, optimizer, rng, history)
    before = [p.data.tobytes() for p in model.parameters()]
    with pytest.raises(ValueError, match="it became shorter while .* was read"):
        load_state(tmp_path / "state", model, optimizer, rng)
    assert [p.data.tobytes() for p in model.parameters()] == before


@pytest.mark.parametrize("kind", ["three_heads", "nf4_double_quant"])
def test_so_is_a_model(tmp_path, shrinks, kind):
    for path in (GOLDEN / "hf" / kind).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="it became shorter while .* was read"):
        load_gpt2(tmp_path)


def test_a_state_with_infinite_weights_is_an_error(tmp_path):
    model, optimizer, rng, history = run()
    first = next(p for p in model.parameters() if p.trainable).data
    kept = first.copy()
    first[0, 0] = np.inf
    save_state(tmp_path / "state", model, optimizer, rng, history)
    first[...] = kept
    with pytest.raises(ValueError, match="numbers that are not finite"):
        load_state(tmp_path / "state", model, optimizer, rng)


def test_a_link_among_submissions_is_not_followed(tmp_path):
    (tmp_path / "secret").write_text("{}")
    (tmp_path / "handed_in").mkdir()
    (tmp_path / "handed_in" / "me.ipynb").symlink_to(tmp_path / "secret")
    (found,) = submissions(tmp_path / "handed_in")
    assert wanted(found) == [] and found.problem == "a link, not a notebook"


def test_half_a_character_does_not_stop_the_teachers_files(tmp_path):
    write_texts(tmp_path, {"explanations.txt": "a \ud800 b"})
    assert (tmp_path / "explanations.txt").read_text("utf-8") == "a ? b"


@pytest.mark.parametrize("result", [5, {}, {**RESULT, "after": {"code": 1.0}}, {"after": {}}])
def test_a_sweeps_result_of_another_form_is_an_error(tmp_path, result):
    check_result(RESULT, tmp_path)
    check_result({"diverged": "at step 3"}, tmp_path)
    with pytest.raises(ValueError, match="not that of a fine-tuning; delete it"):
        check_result(result, tmp_path)


def test_deep_nesting_in_a_sweeps_result_is_an_error(tmp_path):
    path = path_of(CELL, tmp_path)
    path.write_text("[" * 200_000)
    with pytest.raises(ValueError, match="not readable as a sweep's result"):
        read(path, CELL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("words\n\n".encode("utf-16-le") * 999, "found a zero byte; is it UTF-16"),
        (b"words\n\n" * 99, "at most 100 bytes of text"),
    ],
)
def test_no_text(tmp_path, monkeypatch, content, message):
    if "most" in message:
        monkeypatch.setattr(text, "LARGEST_FILE", 100)
    (tmp_path / "own.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        text.file(tmp_path / "own.txt")
    with pytest.raises(ValueError, match=f"own.txt: .*{message}"):
        text.file(tmp_path)


def test_a_run_that_evaluated_other_texts_is_not_resumed(tmp_path):
    model, optimizer, rng, history = run()
    save_state(tmp_path / "state", model, optimizer, rng, history)
    before = (tmp_path / "state").read_bytes()
    with pytest.raises(ValueError, match="held to prose, the saved one to code"):
        train(
            model,
            [],
            None,
            optimizer,
            steps=2,
            rng=rng,
            evaluate=lambda: {"prose": 1.0},
            checkpoint=tmp_path / "state",
            resume=True,
        )
    assert (tmp_path / "state").read_bytes() == before
