"""A GPT's names, shapes and start, and what it refuses."""

import numpy as np
import pytest

from helpers.models import small_gpt, some_past, some_tokens
from lora_np.nn import GPT, GPTConfig


def test_names_shapes_and_start():
    config = GPTConfig(vocab_size=300, n_positions=64, n_embd=48, n_layer=2, n_head=4)
    model = GPT(config, np.random.default_rng(0))
    named = dict(model.named_parameters())
    blocks = ["ln_1", "attn.c_attn", "attn.c_proj", "ln_2", "mlp.c_fc", "mlp.c_proj"]
    expected = [f"h.{i}.{part}" for i in range(2) for part in blocks] + ["ln_f"]
    expected = [f"{part}.{kind}" for part in expected for kind in ("weight", "bias")]
    assert list(named) == ["wte.weight", "wpe.weight", *expected]
    assert named["h.1.attn.c_attn.weight"].shape == (48, 144)
    assert named["h.1.mlp.c_proj.weight"].shape == (192, 48)
    assert {p.dtype for p in named.values()} == {np.dtype(np.float32)}
    assert abs(named["wte.weight"].data.std() - 0.02) < 5e-4
    assert abs(named["h.0.mlp.c_proj.weight"].data.std() - 0.01) < 5e-4
    assert not named["h.0.attn.c_attn.bias"].data.any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(np.zeros((1, 9), int)), "9 tokens from position 0 on .* n_positions is 8"),
        (lambda m: m(np.zeros((1, 5), int), position=4), "5 tokens from position 4 on"),
        (lambda m: m(np.zeros((2, 5), int), position=np.array([0, 4])), "from position 4 on"),
        (lambda m: m(np.zeros((1, 2), int), position=-1), "from position -1"),
        (lambda m: m(np.zeros((1, 2), int), position=0.5), "expected one position"),
        (lambda m: m(some_tokens(3, 7), past=some_past()), "7 tokens from position 2 on"),
        (lambda m: m(np.zeros(4, int)), r"tokens of shape \(B, T\), got \(4,\)"),
        (lambda m: m(np.zeros((2, 0), int)), r"tokens of shape \(B, T\), got \(2, 0\)"),
        (lambda m: m(np.zeros((2, 3))), "integer array, got float64"),
        (lambda m: m(np.full((2, 3), 7)), "ids from 0 to 6, got 7 to 7"),
        (lambda m: m(some_tokens(), past=some_past()[:1]), "each of 2 layers, got 1"),
        (lambda m: m(some_tokens(), past=some_past(B=2)), r"past .* \(3, 2, 2, 3\) .* got \(2, 2"),
        (lambda m: m(some_tokens(), past=[None, some_past(B=2)[1]]), r"past .* got \(2, 2"),
        (lambda m: m(some_tokens(), past=some_past(dtype=np.float32)), "float64, got .* float32"),
        (lambda m: m.new_past(1, 9), "9 positions are more than n_positions 8"),
        (lambda m: m.backward(0, m.forward(some_tokens(), keep=False)[1]), "nothing was kept"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_gpt())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n_layer": 0}, "n_layer from 1, a whole number, got 0"),
        ({"n_embd": 6.0}, "n_embd from 1, a whole number, got 6.0"),
        ({"n_embd": 6, "n_head": 4}, "n_embd 6 does not divide into 4 heads"),
        ({"layer_norm_epsilon": 0.0}, "layer_norm_epsilon above 0, .* got 0.0"),
        ({"attn_pdrop": 1.0}, "attn_pdrop from 0 to below 1, got 1.0"),
    ],
)
def test_config_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**settings)
