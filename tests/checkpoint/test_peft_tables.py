"""Adapters of tables and tokens that are made here: back bit for bit, or refused, and why."""

import numpy as np
import pytest

from golden.readers.adapters import gap
from helpers.methods import small
from helpers.models import moved, small_gpt, some_tokens
from lora_np.checkpoint import load_adapter, save_adapter
from lora_np.methods import (
    IA3,
    BitFit,
    HeadTuning,
    LoRA,
    QLoRA,
    TrainableTokens,
    merge,
    quantize_base,
)

RNG = np.random.default_rng


def learnt(model):
    return {name: p.data.tobytes() for name, p in model.named_parameters() if p.trainable}


def own_head_then_all_tables(model, rng):
    view = LoRA(2, 3.0).apply(HeadTuning().apply(model, rng), rng)
    view.wte.weight.train()
    view.wpe.weight.train()
    return view


def tied_tables(model, rng):
    view = LoRA(2, 3.0).apply(model, rng)
    view.wte.weight.train()
    return view


def then(*methods):
    def apply(model, rng):
        for method in methods:
            model = method.apply(model, rng)
        return model

    return apply


TABLES = ("wte", "wpe", "lm_head", "c_fc")
WAYS = {  # beside what PEFT wrote: what is made here
    "tables": LoRA(2, 3.0, TABLES, rslora=True).apply,
    "patterns": LoRA(2, 3.0, TABLES, rank_pattern={"wpe": 1}, alpha_pattern={"c_fc": 0.5}).apply,
    "a tied pair": LoRA(2, 3.0, ("wte",), tied=True).apply,
    "biases of LoRA's own": LoRA(2, 3.0, "all-linear", bias=True).apply,
    "tokens, old and new": TrainableTokens((8, 2, 7)).apply,
    "tokens of the head alone": then(LoRA(2), TrainableTokens((), (5,))),
    "tokens of both": then(TrainableTokens((1,), (5, 0)), LoRA(2)),
    "tokens and a head": then(LoRA(2), HeadTuning(), TrainableTokens((4,))),
    "new tokens, an own head": then(LoRA(2), TrainableTokens((7,)), BitFit()),
    "own head and tables": own_head_then_all_tables,
    "tied tables": tied_tables,
    "tied tables, no method": lambda model, rng: tied_tables(model, rng) and table_alone(model),
}


def table_alone(model):
    view = model.view().freeze()
    view.wte.weight.train()
    return view


@pytest.mark.parametrize("way", WAYS)
def test_round_trip_is_bit_exact(way, tmp_path):
    base, tokens = small_gpt(dtype=np.float32), some_tokens()
    model = moved(WAYS[way](base, RNG(0)))
    tokens[:, 1] = model.config.vocab_size - 1
    save_adapter(model, tmp_path)
    again = load_adapter(base, tmp_path)
    assert np.array_equal(again(tokens), model(tokens)) and learnt(again) == learnt(model)


def test_tables_in_few_bits_are_adapted_too(tmp_path):
    base = quantize_base(wide(), int8_embeddings=True)
    for method in (LoRA(2, 3.0, ("wte", "lm_head", "c_fc")), TrainableTokens((7, 2))):
        model = moved(method.apply(base, RNG(0)))
        tokens = some_tokens()
        save_adapter(model, tmp_path / method.name)
        assert np.array_equal(load_adapter(base, tmp_path / method.name)(tokens), model(tokens))
        assert gap(merge(model)(tokens), model(tokens)) < 2e-5
    model = QLoRA(2, 3.0, ("wte", "lm_head", "c_fc"), int8_embeddings=True).apply(wide(), RNG(0))
    assert model.wte.unwrapped().table is model.lm_head.unwrapped().table


def wide():
    config = small_gpt().config
    return small_gpt(type(config)(7, 8, 32, 1, 2), dtype=np.float32)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (then(IA3(), TrainableTokens((1,))), "hold one method, and here are IA3 and TRAINABLE_TOK"),
        (then(HeadTuning(), TrainableTokens((1,))), "has one list of tokens, and saves no modules"),
        (then(TrainableTokens((1,), (5,))), "has one list of tokens, and saves no modules"),
        (then(LoRA(2, 3.0, ("wte",)), TrainableTokens((1,))), "by LoRA or some of its rows"),
    ],
)
def test_what_peft_has_no_form_for(make, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        save_adapter(make(small_gpt(), RNG(0)), tmp_path / "adapter")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rank_pattern": {"c_fc": 2}}, "'c_fc' is the end of no target's name"),
        ({"tied": True}, "tied is for an embedding and head that share their table"),
        ({"targets": ("wte",), "rank": 7}, r"rank from 1 to min\(n, d\) = 6 for a table \(7, 6\)"),
        ({"targets": ("lm_head", "c_attn"), "bias": True}, "lm_head is a table of rows"),
    ],
)
def test_settings_that_do_not_fit(settings, message):
    with pytest.raises(ValueError, match=message):
        small(LoRA(2), **settings).apply(small_gpt(), RNG(0))


def test_tokens_that_do_not_fit():
    base = HeadTuning().apply(small_gpt(), RNG(0))
    for tokens, head in (((8,), None), ((7,), (1,)), ((1,), (7,))):
        with pytest.raises(ValueError, match="expected new tokens from 7 on, .* without a gap"):
            TrainableTokens(tokens, head).apply(base)
    with pytest.raises(ValueError, match="expected some tokens, got none"):
        TrainableTokens(())
    with pytest.raises(ValueError, match="each of tokens from 0, a whole number, got 1.5"):
        TrainableTokens((1.5,))


def test_a_new_token_starts_at_the_mean():
    base = small_gpt()
    model = TrainableTokens((7,)).apply(base)
    assert np.allclose(model.wte(np.array([7])), base.wte.weight.data.mean(axis=0))
    old = some_tokens()
    assert np.array_equal(model(old)[..., :7], base(old)) and model.config.vocab_size == 8
    assert np.shares_memory(model.wte.base.weight.data, base.wte.weight.data)
