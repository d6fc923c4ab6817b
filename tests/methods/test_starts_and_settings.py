"""Where each method's numbers start, the smallest settings it takes, and what passes through it."""

import math
from dataclasses import replace

import numpy as np
import pytest

from helpers.models import CONFIG, WAYS, moved, small_gpt, some_tokens
from lora_np.checkpoint.peft import lora
from lora_np.methods import (
    DoRALinear,
    HeadTuning,
    LoRA,
    LoRALinear,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)
from lora_np.methods.low_rank.lora_init import both_zero, loftq, pissa, zero_b
from lora_np.methods.parts.bottleneck import BottleneckAdapters
from lora_np.methods.product.ia3 import ScaledInput, ScaledOutput
from lora_np.methods.targets import layers_of
from lora_np.nn import GPT, GPTConfig, Linear, Module

RNG = np.random.default_rng
WIDE = GPT(GPTConfig(vocab_size=9, n_embd=64, n_head=1, n_layer=2), RNG(0))


def assert_uniform(parameter, n_in):
    """Drawn from U(±1/√n_in): all within, and thousands of numbers come near both ends."""
    bound = 1 / math.sqrt(n_in)
    assert parameter.size > 1000
    for end in (-parameter.data.min(), parameter.data.max()):
        assert 0.98 * bound < end <= bound * (1 + 1e-6)


def test_what_is_random_starts_as_wide_as_its_inputs_say():
    lora = LoRA(32, 3.0).apply(WIDE, RNG(1)).h[0].attn.c_attn
    assert_uniform(lora.A, 64)
    adapter = BottleneckAdapters(32).apply(WIDE, RNG(1)).h[0].mlp
    assert_uniform(adapter.down, 64)
    mlp = PrefixTuning(24, mlp_width=48).apply(WIDE, RNG(1)).table
    assert_uniform(mlp.mlp_in, 64)
    assert_uniform(mlp.mlp_out, 48)
    assert abs(mlp.inputs.data.std() - 1) < 0.05 and abs(mlp.inputs.data.mean()) < 0.1
    prefix = PrefixTuning(24).apply(WIDE, RNG(1)).table.prefix
    assert abs(prefix.data.std() - 0.02) < 1e-3 and abs(prefix.data.mean()) < 2e-3
    zeros = (adapter.down_bias, adapter.up, adapter.up_bias, mlp.mlp_in_bias, mlp.mlp_out_bias)
    assert not any(parameter.data.any() for parameter in zeros)


@pytest.mark.parametrize("init", [zero_b, both_zero, pissa, loftq])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_factors_start_in_the_bases_dtype(init, dtype):
    layer = LoRALinear(
        Linear(RNG(0).standard_normal((4, 6)).astype(dtype)), 2, 3.0, RNG(1), init=init
    )
    assert layer.A.dtype == layer.B.dtype == layer.effective_weight().dtype == dtype
    assert layer(np.ones((2, 4), dtype)).dtype == dtype


@pytest.mark.parametrize(
    "method",
    [
        BottleneckAdapters(1),
        HeadTuning(1),
        LoRA(1, 3.0),
        LoRA(6, 3.0),
        PromptTuning(1),
        PrefixTuning(1),
        PrefixTuning(1, mlp_width=1),
        PromptTuning(7),
        PrefixTuning(7),
        PromptTuning(2, init=(0, 6)),
        PrefixTuning(2, init=(0, 6)),
    ],
)
def test_the_ends_of_every_range_are_allowed(method):
    """Widths, ranks and lengths of 1, rank min(in, out), and 7 virtual tokens in a context of 8."""
    model = method.apply(small_gpt(), RNG(0))
    assert model(some_tokens(T=1)).shape[:2] == (3, 1)


@pytest.mark.parametrize("place", ["embd_pdrop", "attn_pdrop", "resid_pdrop"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_the_bases_dropout_runs_behind_every_method(way, place):
    """With an rng, and the same one gives the same numbers; without one nothing is dropped."""
    base = small_gpt(replace(CONFIG, **{place: 0.5}))
    model, plain = way(base, RNG(0)), way(small_gpt(), RNG(0))
    tokens = some_tokens()
    dropped, again = (model.forward(tokens, rng=RNG(1))[0] for _ in range(2))
    assert np.array_equal(dropped, again)
    assert np.array_equal(model(tokens), plain(tokens))
    assert np.abs(dropped - model(tokens)).max() > 1e-3


def test_scales_pass_the_rng_on():
    lora = LoRALinear(Linear(RNG(0).standard_normal((4, 4))), 2, 3.0, RNG(1), dropout=0.5)
    lora.B.data += 1
    x, expected = RNG(2).standard_normal((5, 4)), lora(RNG(2).standard_normal((5, 4)), rng=RNG(3))
    for kind in (ScaledInput, ScaledOutput):
        assert np.array_equal(kind(lora)(x, rng=RNG(3)), expected)


def test_a_layer_is_found_by_its_name_under_any_number_of_wrappers():
    model = Module()
    model.c = ScaledInput(ScaledOutput(ScaledInput(LoRALinear(Linear(np.eye(3)), 1, 3.0, RNG(0)))))
    assert [name for name, _ in layers_of(model, LoRALinear)] == ["c"]
    assert [name for name, _ in layers_of(model, ScaledInput)] == ["c", "c"]
    assert {name for name, _ in model.named_parameters()} == {"c.l", "c.A", "c.B", "c.weight"}


def test_ids_are_one_row():
    for method in (PromptTuning, PrefixTuning):
        with pytest.raises(ValueError, match=f"{method.__name__}: expected token ids, some whole"):
            method(2, init=((1, 2), (3, 4))).apply(small_gpt(), RNG(0))


def test_dora_names_the_first_units_without_a_direction():
    with pytest.raises(ValueError, match=r"output units \[0, 1, 2, 3, 4\] are zero"):
        DoRALinear(Linear(np.zeros((4, 9))), 1, 3.0, RNG(0))


def test_the_prefix_that_an_mlp_makes_takes_its_place():
    """The same logits, one table that learns as the MLP did, and a configuration without it."""
    head = HeadTuning(3).apply(small_gpt(), RNG(0))
    model = moved(PrefixTuning(2, mlp_width=3).apply(head, RNG(0)))
    plain = model.without_mlp()
    assert np.array_equal(plain(some_tokens()), model(some_tokens()))
    assert plain.methods == (HeadTuning(3), PrefixTuning(2))
    assert model.methods == (HeadTuning(3), PrefixTuning(2, mlp_width=3))
    assert plain.table.prefix.trainable and not model.view().freeze().without_mlp().table.trains()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_table_in_8_bits_keeps_the_models_dtype(dtype):
    config = replace(CONFIG, n_embd=32)
    model = QLoRA(2, 3.0, int8_embeddings=True).apply(small_gpt(config, dtype), RNG(0))
    assert model.wte.dtype == dtype
    logits, cache = model.forward(some_tokens())
    model.backward(logits, cache)
    assert logits.dtype == dtype
    assert {p.grad.dtype for p in model.trainable_parameters()} == {np.dtype(dtype)}


@pytest.mark.parametrize("layer", [LoRALinear, DoRALinear])
def test_a_layer_takes_every_setting(layer):
    made = layer(Linear(RNG(0).random((4, 4))), 4, 3.0, RNG(1), dropout=0.25, rslora=True)
    assert made.scale == 1.5 and made.dropout == 0.25


@pytest.mark.parametrize("init", [pissa, loftq])
def test_a_scale_of_zero_shares_nothing(init):
    with pytest.raises(ValueError, match="expected a scale above 0 .* got 0.0"):
        LoRALinear(Linear(np.eye(4)), 2, 0.0, RNG(0), init=init)


def test_what_peft_leaves_out_has_pefts_defaults():
    assert lora.method_from({"peft_type": "LORA"}, {}, small_gpt()) == LoRA(8, 8)


@pytest.mark.parametrize("method", [PromptTuning(2), PrefixTuning(2)])
def test_a_call_keeps_nothing_for_backward(method):
    model = method.apply(small_gpt(), RNG(0))
    kept = []
    transform = model.base.transform

    def spy(*args, keep, **options):
        kept.append(keep)
        return transform(*args, keep=keep, **options)

    vars(model.base)["transform"] = spy
    model(some_tokens())
    model.forward(some_tokens())
    assert [bool(keep) for keep in kept] == [False, True]
