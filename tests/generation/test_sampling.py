"""Generation: equal to reading everything again at each step, and drawn from what it promises."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.llamas import small_llama
from helpers.models import moved, small_gpt
from lora_np.generation.sampling import generate, sample, stream
from lora_np.methods import LoRA, PrefixTuning
from lora_np.methods.low_rank.qlora import quantize_base
from lora_np.nn import GPTConfig, LlamaConfig
from lora_np.tokenizers.special_tokens import SpecialTokens

RNG = np.random.default_rng
CONFIG = GPTConfig(vocab_size=9, n_positions=12, n_embd=6, n_layer=2, n_head=3)
LLAMA = LlamaConfig(9, 16, 16, 2, 4, 2, max_position_embeddings=12)
WRAPPED = {
    "plain": lambda model: model,
    "LoRA": lambda model: moved(LoRA(2, 3.0, "all-linear").apply(model, RNG(0))),
    "NF4": lambda model: quantize_base(model.freeze()),
    "prefix": lambda model: moved(PrefixTuning(2).apply(model, RNG(0))),
}
SAMPLING = [{}, {"temperature": 0.7}, {"temperature": 2.0, "top_k": 3, "top_p": 0.8}]


def uncached(model, prompt, n, options, rng):
    """The same choices, each made on logits from the whole text so far."""
    tokens = prompt
    for _ in range(n):
        logits = model(tokens)[:, -1]
        if options:
            chosen = sample(
                logits / options["temperature"], options.get("top_k"), options.get("top_p"), rng
            )
        else:
            chosen = logits.argmax(axis=-1)
        tokens = np.concatenate([tokens, chosen[:, None]], axis=1)
    return tokens


@pytest.mark.parametrize("options", SAMPLING, ids=str)
@given(seed=st.integers(0, 2**32 - 1), B=st.integers(1, 3), T=st.integers(1, 4))
def test_cached_equals_uncached(options, seed, B, T):
    model = small_gpt(CONFIG, seed=seed % 100)
    prompt = RNG(seed).integers(0, 9, (B, T))
    rng = {"rng": RNG(seed)} if options else {}
    cached = generate(model, prompt, 8, **options, **rng)
    assert np.array_equal(cached, uncached(model, prompt, 8, options, RNG(seed)))


def test_a_wrapped_model_generates():
    model = moved(LoRA(2, 3.0, targets="all-linear").apply(small_gpt(CONFIG), RNG(0)))
    prompt = np.array([[1, 2], [3, 4]])
    assert np.array_equal(generate(model, prompt, 9), uncached(model, prompt, 9, {}, None))


def test_one_prompt_streams_whole_numbers():
    model, prompt = small_gpt(CONFIG), np.array([1, 2, 3])
    tokens = list(stream(model, prompt, 5))
    assert [type(token) for token in tokens] == [int] * 5
    assert np.array_equal(generate(model, prompt, 5), [1, 2, 3, *tokens])
    assert np.array_equal(generate(model, prompt[None], 5)[0], [1, 2, 3, *tokens])
    assert np.array_equal(generate(model, prompt, 0), prompt)


def test_streaming_works_as_it_goes():
    """The first token is there before the second is computed."""
    model = small_gpt(CONFIG)
    calls, forward = [], model.forward_body
    model.forward_body = lambda tokens, **options: (
        calls.append(tokens.shape) or forward(tokens, **options)
    )
    tokens = stream(model, np.array([1, 2, 3]), 3)
    assert calls == []
    next(tokens)
    assert calls == [(1, 3)]
    next(tokens)
    assert calls == [(1, 3), (1, 1)]


@pytest.mark.parametrize("wrapped", ["plain", "LoRA", "NF4", "prefix"])
@pytest.mark.parametrize("options", SAMPLING, ids=str)
@pytest.mark.parametrize("kind", ["GPT", "Llama"])
@settings(max_examples=6)
@given(seed=st.integers(0, 99), stop=st.sampled_from([(), 2, (2, 5)]), n=st.integers(0, 6))
def test_prompts_of_several_lengths_as_each_alone(kind, options, wrapped, seed, stop, n):
    """Whatever stands beside a prompt, where it stops, and each drawn with an rng of its own."""
    model = small_gpt(CONFIG, seed=seed) if kind == "GPT" else small_llama(LLAMA, seed=seed)
    model = WRAPPED[wrapped](model)
    lengths = RNG(seed).integers(1, 5, 4)
    prompts = [RNG((seed, i)).integers(0, 9, length) for i, length in enumerate(lengths)]
    rngs = [{"rng": RNG(i)} if options else {} for i in range(4)]
    alone = [generate(model, p, n, stop=stop, **options, **r) for p, r in zip(prompts, rngs)]
    own = {"rng": [RNG(i) for i in range(4)]} if options else {}
    together = generate(model, prompts, n, stop=stop, **options, **own)
    if len(set(lengths)) == 1:  # rows that ended repeat their mark
        together = [row[: len(one)] for row, one in zip(together, alone)]
    assert [row.tolist() for row in together] == [one.tolist() for one in alone]
    if options:  # a row that has ended draws no more
        assert [r.random() for r in own["rng"]] == [r["rng"].random() for r in rngs]


def test_several_marks_and_those_of_the_models_files():
    """Each row repeats the mark that it chose; by default they are the model's own."""
    model, prompt = small_gpt(CONFIG), RNG(0).integers(0, 9, (6, 2))
    how = {"temperature": 3.0}
    free = generate(model, prompt, 10, rng=RNG(4), stop=(), **how)[:, 2:]
    marks = (5, 7)
    stopped = generate(model, prompt, 10, rng=RNG(4), stop=marks, **how)[:, 2:]
    for row in stopped:
        at = next((i for i, token in enumerate(row) if token in marks), len(row) - 1)
        assert set(row[at:]) == {row[at]}
    assert {5, 7} <= set(stopped[:, -1])
    first = min(list(np.isin(row, marks)).index(True) for row in free if np.isin(row, marks).any())
    assert np.array_equal(stopped[:, : first + 1], free[:, : first + 1])
    model.special_tokens = SpecialTokens(eos_token_id=marks)
    for each in (model, LoRA(2, 4.0, ("c_attn",)).apply(model, RNG(0)), model.view()):
        assert np.array_equal(generate(each, prompt, 10, rng=RNG(4), **how)[:, 2:], stopped)
    prefixed = PrefixTuning(2).apply(model, RNG(0))
    mark = int(generate(prefixed, prompt[0], 1, stop=())[-1])
    model.special_tokens = SpecialTokens(eos_token_id=(mark,))
    assert len(generate(PrefixTuning(2).apply(model, RNG(0)), prompt[0], 5)) == 3


def test_stop():
    model, prompt = small_gpt(CONFIG), RNG(0).integers(0, 9, (6, 2))
    options = {"temperature": 3.0}
    free = generate(model, prompt, 10, rng=RNG(4), **options)[:, 2:]
    stopped = generate(model, prompt, 10, rng=RNG(4), stop=5, **options)[:, 2:]
    ended = [list(row).index(5) if 5 in row else 10 for row in stopped]
    assert min(ended) < max(ended), "the seed should end rows at different steps"
    assert list(stopped[ended.index(min(ended)), min(ended) :]) == [5] * (10 - min(ended))
    upto = min(ended) + 1
    assert np.array_equal(stopped[:, :upto], free[:, :upto])
    first = int(generate(model, prompt[0], 1)[-1])
    assert len(generate(model, prompt[0], 10, stop=first)) == 3


@pytest.mark.parametrize("temperature", [1e-38, 1e-45, 5e-324, np.float32(1e-38)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cut", [{}, {"top_k": 3}, {"top_p": 0.5}], ids=str)
def test_the_smallest_temperature_is_greedy(temperature, dtype, cut):
    """logits/1e-38 overflows, where logits are fine; it gave the last token of the vocabulary."""
    model, prompt = small_gpt(CONFIG, dtype), RNG(3).integers(0, 9, (4, 2))
    cold = generate(model, prompt, 8, temperature=temperature, rng=RNG(0), **cut)
    assert np.array_equal(cold, generate(model, prompt, 8))


def test_low_temperature_approaches_greedy():
    model, prompt = small_gpt(CONFIG), np.array([1, 2, 3])
    cold = generate(model, prompt, 8, temperature=1e-6, rng=RNG(0))
    assert np.array_equal(cold, generate(model, prompt, 8))


@pytest.mark.parametrize("cut", [{"top_k": 1}, {"top_p": 1e-6}], ids=str)
def test_cut_to_one_token_is_greedy(cut):
    model, prompt = small_gpt(CONFIG), np.array([1, 2, 3])
    hot = generate(model, prompt, 8, temperature=9.0, rng=RNG(0), **cut)
    assert np.array_equal(hot, generate(model, prompt, 8))


@pytest.mark.parametrize(
    ("prompt", "n", "options", "message"),
    [
        ([1, 2, 3], 10, {}, "13 positions are more than n_positions 12"),
        ([], 2, {}, r"a prompt \(T,\) or \(B, T\), got \(0,\)"),
        ([1], -1, {}, "n from 0, a whole number, got -1"),
        ([1], 1.5, {}, "n from 0, a whole number, got 1.5"),
        ([1], 2, {"temperature": -1.0}, "a temperature from 0, finite in float32, got -1.0"),
        ([1], 2, {"temperature": 1.0}, "needs an rng"),
        ([1], 2, {"temperature": float("nan")}, "a temperature from 0, finite in float32, got nan"),
        ([1], 2, {"temperature": float("inf")}, "a temperature from 0, finite in float32, got inf"),
        ([1], 2, {"temperature": True}, "a temperature from 0, finite in float32, got True"),
        ([1], 2, {"temperature": "1"}, "a temperature from 0, finite in float32, got '1'"),
        ([1], 2, {"top_k": 2.5}, "top_k from 1, a whole number, got 2.5"),
        ([1], 2, {"top_k": True}, "top_k from 1, a whole number, got True"),
        ([1], 2, {"top_p": True}, "top_p above 0, up to 1, got True"),
        ([1], 2, {"top_k": 0}, "top_k from 1, a whole number, got 0"),
        ([1], 2, {"top_p": 0.0}, "top_p above 0, up to 1, got 0.0"),
        ("ab", 2, {}, r"expected tokens, got a string; encode it: tokenizer.encode"),
        (["ab", "c"], 2, {}, "expected tokens, got a string; encode it"),
        ([1.0], 2, {}, "expected tokens, whole numbers, got float64"),
        ([[1], []], 2, {}, r"a prompt .T,. or .B, T., got .*1,.*0,"),
        ([[[1]]], 2, {}, r"a prompt .T,. or .B, T., got"),
        ([1], 2, {"stop": "a"}, "stop to be a token or several, got 'a'"),
        ([1], 2, {"stop": [1.5]}, "stop to be a token or several"),
        ([1], 2, {"stop": True}, "stop to be a token or several, got True"),
        ([[1], [2, 3]], 2, {}, "prompts of one length; generate takes any"),
        ([1], 2, {"temperature": 1.0, "rng": [RNG(0)] * 2}, "one rng, or 1, one a prompt, got 2"),
    ],
)
def test_errors_come_before_any_work(prompt, n, options, message):
    model = small_gpt(CONFIG)
    model.forward_body = lambda *_, **__: pytest.fail("work was done")
    with pytest.raises(ValueError, match=message):
        stream(model, prompt, n, **options)
