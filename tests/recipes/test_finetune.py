"""A fine-tune's numbers: what was gained, forgotten and paid."""

import dataclasses
import json
from unittest import mock

import numpy as np
import pytest

from helpers.small_texts import TINY, repeating, tiny_gpt
from lora_np import BitFit, FullFineTuning, HeadTuning, LoRA, QLoRA
from lora_np.nn import GPT
from lora_np.recipes import finetune as module
from lora_np.recipes.finetune import describe, finetune, usual_rate
from lora_np.train import memory_guard
from lora_np.train.step import SHARDS


@pytest.mark.parametrize(
    "method", [FullFineTuning(), HeadTuning(), LoRA(2, 4.0, "all-linear"), QLoRA(2, 4.0)]
)
def test_a_fine_tunes_numbers(method):
    base = tiny_gpt()
    frozen = [p.data.tobytes() for p in base.parameters()]
    code, prose = repeating("code", "def f(x): return x\n"), repeating("prose", "the cat sat. ")
    model, history, n = finetune(
        base, method, code, [prose], lr=0.02, steps=25, batch_size=4, length=16, windows=8
    )
    assert [p.data.tobytes() for p in base.parameters()] == frozen, "the base stays as it was"
    assert set(n["base"]) == set(n["before"]) == set(n["after"]) == {"code", "prose"}
    assert n["after"]["code"] < n["before"]["code"] and n["steps"] == len(history.losses) == 25
    if not isinstance(method, QLoRA):
        assert n["before"] == n["base"], "every method starts as its base; 4 bits round it"
    else:
        assert n["before"] != n["base"]
    assert n["trained"] == sum(p.size for p in model.trainable_parameters())
    assert n["bytes"]["gradients"] == 4 * n["trained"]
    assert n["bytes"]["moments"] == 8 * n["trained"]
    assert (n["lr"], n["batch"]) == (0.02, [4, 16])
    assert [each["step"] for each in history.evaluations] == [0, 25]
    assert n["ms_per_step"] == pytest.approx(1e3 * history.seconds / 25)
    assert n["cpu_ms_per_step"] == pytest.approx(1e3 * history.cpu_seconds / 25)
    json.dumps(n)


def test_recomputing_holds_less_and_learns_the_same():
    base = GPT(dataclasses.replace(TINY, n_layer=3), np.random.default_rng(0))
    code = repeating("code", "def f(x): return x\n")
    options = {"steps": 3, "batch_size": 2, "length": 16, "windows": 2}
    ways = [finetune(base, LoRA(2, 4.0), code, recompute=how, **options) for how in (False, True)]
    (_, plain, n), (_, again, m) = ways
    assert m["bytes"]["activations"] < n["bytes"]["activations"]
    assert again.losses == plain.losses and m["after"] == n["after"]


class Fits(Exception):
    pass


@pytest.mark.parametrize(
    ("options", "shards", "recompute"),
    [({}, 1, False), ({"threads": 1}, SHARDS, False), ({"recompute": True}, 1, True)],
    ids=str,
)
def test_memory_is_checked_for_the_run_that_is_asked_for(options, shards, recompute, monkeypatch):
    """With as much free as its own estimate says, and not with a byte less."""
    base, code = tiny_gpt(), repeating("code", "def f(x): return x\n")
    sizes = {"steps": 1, "batch_size": 4, "length": 16, "windows": 1}
    batch = next(code.batches(np.random.default_rng(0), 1, 16))
    model = LoRA(2, 4.0).apply(base, np.random.default_rng(0))
    need = memory_guard.step_bytes(model, batch, shards, None, recompute)(4, 16)
    monkeypatch.setattr(module, "held_in_a_step", mock.Mock(side_effect=Fits))  # what comes next
    for free, end in ((need, Fits), (need - 1, ValueError)):
        monkeypatch.setattr(memory_guard, "free_bytes", lambda free=free: free)
        with pytest.raises(end):
            finetune(base, LoRA(2, 4.0), code, **sizes, **options)


def test_evaluations_are_as_often_as_asked_and_their_progress_shows(capsys):
    base, code = tiny_gpt(), repeating("code", "def f(x): return x\n")
    options = {"steps": 5, "batch_size": 2, "length": 16, "windows": 3}
    _, history, _ = finetune(base, LoRA(2, 4.0), code, every=2, progress=True, **options)
    assert [each["step"] for each in history.evaluations] == [0, 2, 4, 5]
    shown = capsys.readouterr().err
    assert "measuring a step" in shown and "held-out losses: " in shown and "/3 [" in shown
    finetune(base, LoRA(2, 4.0), code, progress=False, **options)
    assert capsys.readouterr().err == ""


def test_the_usual_rate_falls_with_the_width():
    base, code = tiny_gpt(), repeating("code", "def f(x): return x\n")
    options = {"steps": 1, "batch_size": 2, "length": 16, "windows": 2}
    for method in (LoRA(2, 4.0), BitFit()):
        _, _, n = finetune(base, method, code, **options)
        assert n["lr"] == usual_rate(method, base) == method.rate * 128 / TINY.n_embd


def test_a_method_describes_itself_without_addresses():
    shown = describe(LoRA(2, 4.0, ("c_attn",)))
    assert shown.startswith("LoRA(rank=2, alpha=4.0, targets=('c_attn',)")
    assert "init=zero_b" in shown and "0x" not in shown


def test_a_held_out_part_without_a_window_is_refused_before_any_step(monkeypatch):
    """Of the text that is read and of those that may be forgotten: not minutes later."""
    base, code = tiny_gpt(), repeating("code", "def f(x): return x\n")
    short = dataclasses.replace(code, name="short", held_out=code.held_out[:16])
    monkeypatch.setattr(module, "check_memory", mock.Mock(side_effect=Fits))  # what comes next
    for reading, kept in ((short, []), (code, [short])):
        with pytest.raises(ValueError, match="^short: 16 tokens held out hold no window of 16 "):
            finetune(base, LoRA(2, 4.0), reading, kept, steps=1, length=16)
