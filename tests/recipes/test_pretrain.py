"""Pretraining: windows at random offsets, its schedule, and what is kept of it."""

import json

import numpy as np
import pytest

from helpers.models import CONFIG, DROPOUT, small_gpt, some_tokens
from helpers.small_texts import TINY, repeating, tiny_gpt
from lora_np import cross_entropy
from lora_np.checkpoint import load_gpt2
from lora_np.recipes.pretrain import LENGTH, RandomOffsets, pretrain, save
from lora_np.train import held_out_loss, warmup_cosine

OPTIONS = {"batch_size": 4, "length": 16}


def test_windows_start_anywhere_and_each_on_its_own_and_only_with_an_rng():
    model, tokens = small_gpt(), some_tokens(B=200, T=6)
    shifted = RandomOffsets(model)
    offsets = np.random.default_rng(4).integers(0, 3, 200)
    assert set(offsets) == {0, 1, 2}, "8 positions leave room for offsets 0, 1 and 2"
    logits, cache = shifted.forward(tokens, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(logits, model(tokens, position=offsets))
    np.testing.assert_array_equal(shifted(tokens), model(tokens))
    shifted.backward(np.ones_like(logits), cache)
    assert (np.abs(model.wpe.weight.grad).sum(axis=1) > 0).all(), "every position learns"
    assert CONFIG.n_positions == 8


def test_dropout_draws_from_the_same_rng_after_the_offsets():
    model, tokens, rng = small_gpt(DROPOUT), some_tokens(T=6), np.random.default_rng(4)
    offsets = rng.integers(0, 3, len(tokens))
    expected, _ = model.forward(tokens, rng=rng, position=offsets)
    logits, _ = RandomOffsets(model).forward(tokens, rng=np.random.default_rng(4))
    np.testing.assert_array_equal(logits, expected)


def test_pretraining_learns_the_same_again_from_the_same_seed(tmp_path):
    reading = repeating("prose", "the cat sat. ")
    model, history = pretrain(reading, TINY, steps=40, **OPTIONS)
    before, after = history.evaluations[0]["prose"], history.evaluations[-1]["prose"]
    assert after < 0.7 * before
    again, _ = pretrain(reading, TINY, steps=40, state=tmp_path / "state.safetensors", **OPTIONS)
    for p, q in zip(model.parameters(), again.parameters()):
        assert p.data.tobytes() == q.data.tobytes()


def test_every_position_has_learnt_and_not_only_faded():
    """Without a gradient, weight decay makes a row shorter and does not turn it."""
    before, reading = tiny_gpt().wpe.weight.data, repeating("prose", "the cat sat. ")
    after = pretrain(reading, TINY, steps=40, **OPTIONS)[0].wpe.weight.data
    cosines = (before * after).sum(axis=1) / np.prod(
        [np.linalg.norm(each, axis=1) for each in (before, after)], axis=0
    )
    assert (cosines < 1 - 1e-4).all()


def test_the_rate_rises_over_a_fortieth_and_falls_by_half_a_cosine():
    reading = repeating("prose", "the cat sat. ")
    for steps in (0, 7, 80):
        model, history = pretrain(reading, TINY, steps=steps, seed=3, **OPTIONS)
        rate = warmup_cosine(steps, warmup=steps // 40)
        assert history.rates == [rate(step) for step in range(steps)]
        assert {each["step"] for each in history.evaluations} >= {0, steps}


def test_what_is_kept_is_the_model_in_16_bits_and_how_it_came_about(tmp_path):
    """Its losses are those of the weights in the file, not of those that were trained."""
    reading = repeating("prose", "the cat sat. ")
    config = TINY.__class__(TINY.vocab_size, LENGTH, n_embd=16, n_layer=1, n_head=2)
    model, history = pretrain(reading, config, steps=45, **OPTIONS)
    about = save(model, history, reading, tmp_path, "a command", 7)
    assert json.loads((tmp_path / "training.json").read_text()) == about
    kept = load_gpt2(tmp_path)
    for p, q in zip(kept.parameters(), model.parameters()):
        np.testing.assert_array_equal(p.data, q.data.astype(np.float16).astype(np.float32))
    loss = held_out_loss(kept, reading.held_out_batches(length=LENGTH), cross_entropy)
    assert about["held_out_nats_per_byte"] == loss
    assert (about["command"], about["seed"]) == ("a command", 7)
    text = about["text"]
    assert text["name"] == "prose" and text["python"].startswith("3.")
    sizes = [len(reading.train), len(reading.held_out)]
    assert [text["train_tokens"], text["held_out_tokens"]] == sizes
    assert about["parameters"] == sum(p.size for p in model.parameters())
    assert about["evaluations"] == history.evaluations and about["seconds"] == history.seconds
    assert about["training_losses"] == pytest.approx(history.losses[::20], abs=5.1e-5)
