"""The study on real text: its splits, its pairs, what a run measures, on a tiny model."""

import json

import numpy as np
import pytest

from helpers.text_numbers import text_numbers
from lora_np.analysis import plots
from lora_np.course.experiments import methods_text, real_text
from lora_np.course.experiments.methods_text import FULL, LORA, WAYS
from lora_np.nn import GPT, GPTConfig
from lora_np.tasks.text import Text

TUNING = real_text.TUNING_SEEDS[0]


@pytest.fixture(scope="module")
def world():
    """A model of one layer and texts of random bytes in its place; caches are not kept."""
    rng = np.random.default_rng(0)
    base = GPT(GPTConfig(257, 48, 32, 1, 2), rng)
    learnt, *held = (
        Text(name, *(rng.integers(0, 256, n).astype(np.uint16) for n in (900, 400)))
        for name in ("learnt", real_text.TUNE, real_text.TEST, real_text.PROSE)
    )
    tiny = real_text.World(base, learnt, {text.name: text for text in held})
    patch = pytest.MonkeyPatch()
    real_text.base_answers.cache_clear()
    patch.setattr(real_text, "world", lambda: tiny)
    patch.setattr("lora_np.course.experiments.text_closer.world", lambda: tiny)
    yield tiny
    patch.undo()
    real_text.base_answers.cache_clear()


def cell(way, seed=0, lr=None, **settings):
    lr = WAYS[way].rate if lr is None else lr
    return {"way": way, "seed": seed, "lr": lr, **methods_text.QUICK, **settings}


def test_halves_are_whole_documents_and_disjoint():
    tokens = np.array([256, 1, 1, 256, 2, 256, 3, 3, 3, 256, 256, 5, 256], np.uint16)
    first, second = real_text.halves(tokens)
    assert first.tolist() == [256, 1, 1, 256, 3, 3, 3, 256, 5, 256]
    assert second.tolist() == [256, 2, 256, 256]


def test_the_validation_and_the_test_part_share_no_document():
    held_out = real_text.world.__wrapped__().held_out
    documents = [
        {bytes(d.astype(np.uint8)) for d in np.split(part, np.flatnonzero(part == 256)) if d.size}
        for part in (held_out[name].held_out for name in (real_text.TUNE, real_text.TEST))
    ]
    empty = {bytes([0])}  # the end mark alone
    assert not (documents[0] - empty) & (documents[1] - empty)
    assert min(map(len, documents)) > 5


def test_every_way_runs_and_reports_numbers(world):
    for way in WAYS:
        result = methods_text.one_run(cell(way))
        assert json.loads(json.dumps(result)) == result
        assert {"validation", "trained", "bytes", "cpu_ms", "base", "after", "kl"} < result.keys()
        assert min(result["kl"].values()) >= 0 and np.isfinite(result["validation"])
        assert {look.__name__ for look in WAYS[way].closer} <= result.keys()


def test_a_run_that_tunes_never_reads_the_test_half_nor_prose(world, monkeypatch):
    read = []
    real = real_text.windows_of
    monkeypatch.setattr(
        real_text, "windows_of", lambda name, at: read.append(name) or real(name, at)
    )
    result = methods_text.one_run(cell(FULL, TUNING))
    assert set(read) == {real_text.TUNE} and "after" not in result
    read.clear()
    methods_text.one_run(cell(LORA))
    assert {real_text.TEST, real_text.PROSE} < set(read)


def test_a_seeds_ways_read_the_same_windows(world, monkeypatch):
    seen, real = {}, real_text.train

    def spy(model, batches, *args, steps, **options):
        kept = [next(batches) for _ in range(steps)]
        seen[len(seen)] = kept
        return real(model, iter(kept), *args, steps=steps, **options)

    monkeypatch.setattr(real_text, "train", spy)
    for way in ("IA3", "head", LORA):
        methods_text.one_run(cell(way, TUNING, lr=1e-3))
    methods_text.one_run(cell("IA3", TUNING + 1, lr=1e-3))
    first, *others, other_seed = ([b.tokens for b in batches] for batches in seen.values())
    assert all(np.array_equal(first, tokens) for tokens in others)
    assert not np.array_equal(first, other_seed)


@pytest.mark.every_kernel
def test_compared_agrees_with_the_losses_and_an_untouched_model_has_not_moved(world):
    at = cell(FULL)
    same = real_text.compared(world.base, at)
    assert same["base"] == same["after"] == pytest.approx(real_text.losses(world.base, at))
    assert same["kl"] == pytest.approx({"code": 0, "prose": 0}, abs=1e-6)


@pytest.mark.every_kernel
def test_lora_plus_moves_b_faster(world):
    ratios = {}
    for way in (LORA, "LoRA+ r 8, everywhere"):
        model, _ = real_text.learn(WAYS[way], cell(way, lr=1e-4, steps=1))
        ratios[way] = np.abs(dict(model.named_parameters())["h.0.attn.c_attn.B"].data).max()
    assert ratios["LoRA+ r 8, everywhere"] == pytest.approx(16 * ratios[LORA], rel=1e-3)


@pytest.mark.every_kernel
def test_closer_looks_start_from_what_was_trained(world):
    result = methods_text.one_run(cell(FULL))
    shape = [layer.effective_weight().shape for _, layer in world.base.linears()]
    assert max(map(min, shape)) <= 64  # so k = 64 is all of ΔW here
    assert result["truncations"]["64"] == pytest.approx(result["after"], abs=1e-4)
    assert [g["factor"] for g in result["gentler"]] == [0.5, 0.25, 0.125]
    assert result["along"][-1]["code"] == pytest.approx(result["after"]["code"], abs=1e-5)


def test_a_quick_run_tunes_nothing(world, monkeypatch):
    some = {name: WAYS[name] for name in (FULL, "head")}
    monkeypatch.setattr(methods_text, "WAYS", some)
    numbers = methods_text.run(quick=True)
    assert list(numbers["ways"]) == list(some) and numbers["quick"] and numbers["seeds"] == 1
    assert all(how["tried"] == {} and len(how["runs"]) == 1 for how in numbers["ways"].values())


def test_table_and_figure():
    numbers = text_numbers()
    text = methods_text.table(numbers)
    lines = text.splitlines()
    assert len(lines[1:]) > len(WAYS) and all(name in text for name in WAYS)
    assert "0.402 ± 0.001" in lines[1] and "3.5" in lines[1] and "0.0005 to 0.002" in lines[1]
    assert "code 2.000, prose 1.000" in text and "5 seeds" in text
    assert plots.png(methods_text.figure(numbers), dpi=40).startswith(b"\x89PNG")
    assert all(name in methods_text.alt_text(numbers) for name in WAYS)


def test_the_verdict_turns_with_the_numbers():
    below = methods_text.verdict(text_numbers(gains={LORA: 0.3}))
    above = methods_text.verdict(text_numbers(gains={LORA: 0.5}))
    mixed = methods_text.verdict(text_numbers(gains={LORA: lambda s: 0.4 + 0.02 * (-1) ** s}))
    sides = [
        methods_text.sides(text_numbers(gains={LORA: g}), methods_text.gain) for g in (0.3, 0.5)
    ]
    assert LORA in sides[0]["below"] and LORA in sides[1]["above"]
    assert f"others gains {LORA}" in above and f"others gains {LORA}" not in below
    assert f"not told apart from full's: {LORA}" in mixed


def test_errors():
    with pytest.raises(ValueError, match="seeds from 1, a whole number, got 0"):
        methods_text.run(0)
