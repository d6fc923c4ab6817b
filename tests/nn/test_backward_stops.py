"""Backward forms no dx that nobody reads: the layers just above what is frozen are told so."""

import numpy as np
import pytest

from helpers import llamas
from helpers.models import WAYS, moved, small_gpt, some_past, some_tokens
from lora_np.methods import IA3, BottleneckAdapters, DoRA, LoRA, QLoRA
from lora_np.methods.targets import layers_of
from lora_np.nn import LayerNorm, Linear
from lora_np.nn.norm import RMSNorm
from lora_np.quant import NF4Linear

RNG = np.random.default_rng
QV = ("q_proj", "v_proj")


def asked_for_dx(model, monkeypatch, **options):
    """{name: whether its dx was asked for} of every plain or 4-bit linear layer that backward
    reached, and the norms that it reached."""
    names, asked, norms = {}, {}, set()
    for kind in (Linear, NF4Linear, LayerNorm, RMSNorm):
        for name, layer in layers_of(model, kind):
            names[id(layer)] = name
    for kind in (Linear, NF4Linear):

        def linear(self, dy, cache, *, below_trains=True, old=kind.backward):
            asked[names[id(self)]] = below_trains
            return old(self, dy, cache, below_trains=below_trains)

        monkeypatch.setattr(kind, "backward", linear)
    for kind in (LayerNorm, RMSNorm):

        def norm(self, dy, cache, old=kind.backward):
            norms.add(names[id(self)])
            return old(self, dy, cache)

        monkeypatch.setattr(kind, "backward", norm)
    logits, cache = model.forward(some_tokens(), **options)
    model.backward(np.ones_like(logits), cache)
    return asked, norms


@pytest.mark.parametrize(
    "method",
    [LoRA(2, 3.0), DoRA(2, 3.0), QLoRA(2, 3.0), IA3(("c_attn",), ()), BottleneckAdapters(2)],
    ids=lambda method: type(method).__name__,
)
def test_in_a_gpt(method, monkeypatch):
    model = moved(method.apply(small_gpt(), RNG(0)))
    asked, norms = asked_for_dx(model, monkeypatch)
    first = "h.0.attn.c_attn"
    assert not asked.pop(first) and len(asked) == 7 and all(asked.values())
    assert norms == {"h.0.ln_2", "h.1.ln_1", "h.1.ln_2", "ln_f"}


@pytest.mark.parametrize("method", [LoRA(2, 3.0, QV), QLoRA(2, 3.0, QV)])
def test_in_a_llama(method, monkeypatch):
    model = moved(method.apply(llamas.small_llama(), RNG(0)))
    asked, norms = asked_for_dx(model, monkeypatch)
    first = {f"layers.0.self_attn.{name}_proj" for name in "qkv"}
    assert {name for name, dx in asked.items() if not dx} == first
    assert len(asked) == 14 and len(norms) == 4 and "layers.0.input_layernorm" not in norms


def test_where_the_norm_or_the_embedding_learns_dx_is_formed(monkeypatch):
    first_norm = small_gpt().freeze()
    first_norm.h[0].ln_1.weight.train()
    with monkeypatch.context() as patch:
        asked, norms = asked_for_dx(first_norm, patch)
        assert all(asked.values()) and "h.0.ln_1" in norms
    with monkeypatch.context() as patch:
        asked, norms = asked_for_dx(WAYS["positions"](small_gpt(), RNG(0)), patch)
        assert len(asked) == 8 and all(asked.values()) and len(norms) == 5


def test_below_the_lowest_block_that_learns_nothing_is_reached(monkeypatch):
    model = WAYS["top block"](small_gpt(), RNG(0))
    asked, norms = asked_for_dx(model, monkeypatch)
    assert set(asked) == {
        f"h.1.{n}" for n in ("attn.c_attn", "attn.c_proj", "mlp.c_fc", "mlp.c_proj")
    }
    assert norms == {"h.1.ln_1", "h.1.ln_2", "ln_f"}


def test_a_past_needs_gradients_down_to_the_first_block(monkeypatch):
    """Those of its pairs; but the first norm has no part in them."""
    model = WAYS["head"](small_gpt(), RNG(0))
    asked, norms = asked_for_dx(model, monkeypatch, past=some_past())
    assert len(asked) == 8 and not asked["h.0.attn.c_attn"] and sum(asked.values()) == 7
    assert "h.0.ln_1" not in norms
