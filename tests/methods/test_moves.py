"""Adapters, prefixes, prompts, scales, biases, features: what is each one's own."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.models import CONFIG, moved, small_gpt, some_past, some_tokens
from lora_np.generation import generate
from lora_np.methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    extract_features,
)
from lora_np.nn import GPT, GPTConfig, Head, Linear
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token

RNG = np.random.default_rng


def learning(model):
    return {name for name, p in model.named_parameters() if p.trainable}


@pytest.mark.parametrize("method", [PromptTuning, PrefixTuning])
@settings(max_examples=20)
@given(ids=st.lists(st.integers(0, 6), min_size=1, max_size=3), seed=st.integers(0, 999))
def test_started_from_tokens_it_reads_as_if_they_were_there(method, ids, seed):
    """The law that fixes positions, the order of keys, values and heads, and the cut."""
    base, tokens = small_gpt(seed=seed), some_tokens(seed=seed)
    model = method(len(ids), init=tuple(ids)).apply(base, RNG(0))
    typed = np.concatenate([np.tile(ids, (len(tokens), 1)), tokens], axis=1)
    assert np.allclose(model(tokens), base(typed)[:, len(ids) :], atol=1e-12)


@pytest.mark.parametrize("method", [PromptTuning, PrefixTuning])
def test_token_ids_are_repeated_or_cut(method):
    base, tokens = small_gpt(), some_tokens()
    long = method(3, init=(4, 2)).apply(base, RNG(0))
    short = method(3, init=(4, 2, 4, 1)).apply(base, RNG(0))
    assert np.array_equal(long(tokens), short(tokens))


def test_a_prompt_starts_from_the_vocabulary():
    base = small_gpt()
    rows = {row.tobytes() for row in base.wte.weight.data}
    prompt = PromptTuning(4).apply(base, RNG(0)).prompt.data
    assert len({row.tobytes() for row in prompt} & rows) == 4
    wide = GPT(GPTConfig(vocab_size=400, n_embd=32, n_head=1, n_layer=1), RNG(0))
    drawn = PromptTuning(100, "random").apply(wide, RNG(0)).prompt.data
    assert abs(drawn.std() / wide.wte.weight.data.std() - 1) < 0.1
    more = GPT(GPTConfig(vocab_size=2, n_embd=4, n_head=1, n_layer=1), RNG(0))
    assert PromptTuning(5).apply(more, RNG(0)).prompt.shape == (5, 4)


def test_virtual_tokens_come_only_where_there_is_no_past():
    base, tokens = small_gpt(), some_tokens()
    for method in (PromptTuning(2), PrefixTuning(2)):
        model = moved(method.apply(base, RNG(0)))
        assert np.array_equal(model(tokens, past=some_past()), base(tokens, past=some_past()))
        logits, cache = model.forward(tokens, past=some_past())
        (dk, dv), _ = model.backward(np.ones_like(logits), cache)
        assert dk.shape == dv.shape == some_past()[0][0].shape
        assert all(p.grad is None for p in model.parameters())


def test_the_prompt_gets_the_embeddings_dropout():
    config = GPTConfig(7, 8, 6, 2, 2, embd_pdrop=0.5)
    model = PromptTuning(3).apply(small_gpt(config), RNG(0))
    x, (_, (_, mask)) = model._rows(50, RNG(1))
    assert 0.4 < (mask == 0).mean() < 0.6 and (x[mask == 0] == 0).all()


def test_what_moves():
    base = small_gpt()
    everything = set(dict(base.named_parameters()))
    adapter = {"down", "down_bias", "up", "up_bias"}
    houlsby = {f"h.{i}.{place}.{p}" for i in range(2) for place in ("attn", "mlp") for p in adapter}
    assert learning(BottleneckAdapters(3).apply(base, RNG(0))) == houlsby
    pfeiffer = {name for name in houlsby if ".mlp." in name}
    assert learning(BottleneckAdapters(3, "pfeiffer").apply(base, RNG(0))) == pfeiffer
    scales = {f"h.{i}.{place}.l" for i in range(2) for place in ("attn.c_attn", "mlp.c_proj")}
    assert learning(IA3().apply(base)) == scales
    biases = {name for name in everything if name.endswith("bias")}
    assert learning(BitFit().apply(base)) == biases
    assert learning(PromptTuning(2).apply(base, RNG(0))) == {"prompt"}
    assert learning(PrefixTuning(2).apply(base, RNG(0))) == {"table.prefix"}
    for method in (BottleneckAdapters(3), IA3(), PromptTuning(2), PrefixTuning(2)):
        assert everything < set(dict(method.apply(base, RNG(0)).named_parameters()))


def test_adapters_are_no_target_of_lora():
    """Nothing of an adapter is a Linear, so "all-linear" means the base's layers as before."""
    adapted = BottleneckAdapters(3).apply(small_gpt(), RNG(0))
    both = learning(LoRA(2, targets="all-linear").apply(adapted, RNG(0)))
    alone = learning(LoRA(2, targets="all-linear").apply(small_gpt(), RNG(0)))
    assert both == alone | learning(adapted)


def test_an_up_projection_of_zero_still_learns():
    """At the start dU ≠ 0 and dD = 0, as for LoRA's B and A."""
    model = BottleneckAdapters(3).apply(small_gpt(), RNG(0))
    batch = next_token(some_tokens())
    logits, cache = model.forward(batch.tokens)
    model.backward(cross_entropy(logits, batch)[1], cache)
    assert np.any(model.h[0].mlp.up.grad) and not np.any(model.h[0].mlp.down.grad)


@settings(max_examples=10)
@given(seed=st.integers(0, 999))
def test_a_head_on_stored_features_gets_head_tunings_gradient(seed):
    base = small_gpt(seed=seed)
    whole = HeadTuning(7).apply(base, RNG(seed))
    batch = next_token(some_tokens(seed=seed))
    logits, cache = whole.forward(batch.tokens)
    whole.backward(cross_entropy(logits, batch)[1], cache)
    features = extract_features(base, batch.tokens)
    heads = [Head(whole.lm_head.weight.data), Head(RNG(1).standard_normal((3, CONFIG.n_embd)))]
    (logits, cache), (other, _) = (head.forward(features) for head in heads)
    heads[0].backward(cross_entropy(logits, batch)[1], cache, below_trains=False)
    assert np.array_equal(heads[0].weight.grad, whole.lm_head.weight.grad)
    assert features.shape == (*batch.tokens.shape, CONFIG.n_embd) and other.shape[-1] == 3


def test_features_are_read_through_whatever_was_applied():
    base, tokens = small_gpt(), some_tokens()
    for method in (LoRA(2), PromptTuning(2), PrefixTuning(2), BottleneckAdapters(3)):
        model = moved(method.apply(base, RNG(0)))
        features = extract_features(model, tokens)
        assert np.allclose(features @ base.wte.weight.data.T, model(tokens), atol=1e-12)
        assert np.array_equal(model(tokens), model(tokens))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: BottleneckAdapters(0), "width from 1, a whole number, got 0"),
        (lambda m: BottleneckAdapters(2.0), "expected width from 1, a whole number, got 2.0"),
        (lambda m: BottleneckAdapters(2, "before"), "houlsby, pfeiffer, got 'before'"),
        (lambda m: BottleneckAdapters().apply(m.wte, RNG(0)), "no blocks in Embedding"),
        (lambda m: IA3(("c_atn",)).apply(m), "'c_atn' matches no linear layer"),
        (lambda m: IA3(feedforward=("fc",)).apply(m), "'fc' matches no linear layer"),
        (lambda m: IA3("c_fc", "mlp.c_fc").apply(m), "h.0.mlp.c_fc, h.1.mlp.c_fc is in both"),
        (lambda m: BitFit().apply(Linear(np.ones((2, 2)))), "this Linear has no bias"),
        (lambda m: PromptTuning(0), "PromptTuning: expected length from 1.*, got 0"),
        (lambda m: PromptTuning(True), "expected length from 1, a whole number, got True"),
        (lambda m: PromptTuning(2, "text"), "random, vocabulary or token ids, got 'text'"),
        (lambda m: PromptTuning(2, (1, 9)).apply(m, RNG(0)), "ids from 0 to 6, got 1 to 9"),
        (lambda m: PromptTuning(2, ()).apply(m, RNG(0)), "expected token ids, some whole numbers"),
        (lambda m: PromptTuning(8).apply(m, RNG(0)), "8 virtual tokens leave no room .* is 8"),
        (lambda m: PromptTuning(2).apply(m.wte, RNG(0)), "a language model, got Embedding"),
        (lambda m: PrefixTuning(0), "PrefixTuning: expected length from 1.*, got 0"),
        (lambda m: PrefixTuning(2, mlp_width=0), "mlp_width from 1, a whole number, got 0"),
        (lambda m: PrefixTuning(2, init="text"), "init random or token ids, got 'text'"),
        (lambda m: PrefixTuning(2, 3, (1, 2)), "give init or mlp_width"),
        (lambda m: PrefixTuning(2, init=(1.5,)).apply(m, RNG(0)), "expected token ids"),
        (lambda m: PrefixTuning(9).apply(m, RNG(0)), "9 virtual tokens leave no room"),
        (
            lambda m: PrefixTuning(2).apply(PromptTuning(2).apply(m, RNG(0)), RNG(0)),
            "expected a language model, got PromptTuned",
        ),
        (lambda m: extract_features(m.h[0], None), "Block has no head"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_gpt())


@pytest.mark.parametrize("method", [PromptTuning(3), PrefixTuning(3), PrefixTuning(3, 2)])
def test_no_room_is_an_error_before_any_work(method):
    model = method.apply(small_gpt(), RNG(0))
    for part in (model.base.wte, model.base.wpe, *model.base.h):
        part.forward = lambda *_, **__: pytest.fail("work was done")
    no_room = "3 virtual and {} real tokens from position {} on do not fit .* n_positions is 8"
    for call, message in [
        (lambda: model(some_tokens(T=6)), no_room.format(6, 0)),
        (lambda: model(some_tokens(T=4), position=2), no_room.format(4, 2)),
        (lambda: generate(model, np.array([1, 2]), 4), no_room.format(6, 0)),
        (lambda: model(np.array([1, 2])), r"expected tokens of shape \(B, T\), got \(2,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize(
    "method", [BottleneckAdapters(3), IA3(), BitFit(), PromptTuning(2), PrefixTuning(2)]
)
def test_a_kind_of_method_applies_once(method):
    once = method.apply(small_gpt(), RNG(0))
    with pytest.raises(ValueError, match="was already applied|expected a language model"):
        method.apply(once, RNG(0))
