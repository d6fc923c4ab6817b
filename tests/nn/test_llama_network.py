"""The Llama: against transformers, against central differences, and the laws of its own parts."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.laws import TOLERANCE
from golden.readers import golden_llama
from helpers.llamas import CONFIG, WAYS, norms_only, small_llama, some_past
from helpers.models import LearnedPast, LearnedPrompt, moved, some_tokens
from lora_np.generation import generate
from lora_np.gradcheck import check_gradients
from lora_np.nn import Llama, LlamaConfig
from lora_np.nn.functional import silu_backward, silu_forward
from lora_np.nn.norm import RMSNorm
from lora_np.nn.rotary import rotary_angles, rotate
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import AdamW
from reports.report_gradients import Pair

SEEDS = st.integers(0, 2**32 - 1)


def test_there_are_golden_files():
    assert len(golden_llama.names()) == 3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", golden_llama.names())
def test_agrees_with_transformers(name, dtype):
    for what, gap in golden_llama.differences(name, dtype).items():
        assert gap <= (1e-13 if dtype == np.float64 else 1e-5), what


@pytest.mark.parametrize("name", sorted(WAYS.keys() - {"DoRA"}))  # whose norm counts as constant
def test_gradients(name):
    model = moved(WAYS[name](small_llama(), np.random.default_rng(0)), spread=0.1)
    errors = check_gradients(model, some_tokens(), dropout=True)
    assert {name for name, p in model.named_parameters() if p.trainable} == set(errors) != set()
    assert max(errors.values()) <= TOLERANCE, errors


def test_gradients_of_parts():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 3, 6))
    errors = check_gradients(RMSNorm(rng.standard_normal(6), 0.1), x)
    errors |= {"silu": check_gradients(Pair(silu_forward, silu_backward), x)["x"]}
    assert max(errors.values()) <= TOLERANCE


def test_gradients_behind_a_prompt_and_a_past():
    rng = np.random.default_rng(0)
    errors = check_gradients(LearnedPrompt(small_llama(), 2, rng), some_tokens())
    errors |= check_gradients(LearnedPast(small_llama().freeze(), 2, rng), some_tokens())
    errors |= check_gradients(norms_only(small_llama(), rng), some_tokens(), past=some_past())
    assert {"k", "v", "prompt", "embed_tokens.weight"} < set(errors)
    assert max(errors.values()) <= TOLERANCE


def test_silu_is_finite_where_exp_overflows():
    x = np.array([-1000.0, -100.0, 0.0, 100.0, 1000.0], np.float32)
    y, _ = silu_forward(x)
    assert np.array_equal(y, [0, 0, 0, 100, 1000]) and y.dtype == np.float32
    assert np.array_equal(silu_backward(np.ones(5, np.float32), x), [0, 0, 0.5, 1, 1])
    assert math.isclose(silu_forward(np.array([1.5]))[0][0], 1.5 / (1 + math.exp(-1.5)))


@given(seed=SEEDS, m=st.integers(0, 50), n=st.integers(0, 50), shift=st.integers(1, 5000))
def test_rotation_knows_only_distance(seed, m, n, shift):
    """R(q, m)·R(k, n) depends on m − n, and turning changes no length."""
    q, k = np.random.default_rng(seed).standard_normal((2, 1, 1, 1, 8))

    def turned(x, position):
        return rotate(x, *rotary_angles(position, 1, 8, 100.0, np.float64)).ravel()

    here, there = turned(q, m) @ turned(k, n), turned(q, m + shift) @ turned(k, n + shift)
    assert abs(here - there) < 1e-9
    assert math.isclose(np.linalg.norm(turned(q, m)), np.linalg.norm(q))
    assert np.array_equal(turned(q, 0), q.ravel())
    cos, sin = rotary_angles(m, 1, 8, 100.0, np.float64)
    assert np.allclose(rotate(rotate(q, cos, sin), cos, -sin), q, atol=1e-12)


def test_first_pair_turns_by_the_position():
    """Pair i is (x[i], x[i + hd/2]) and turns by t·θ^(−2i/hd): the first by t itself."""
    cos, sin = rotary_angles(3, 2, 4, 100.0, np.float64)
    assert np.allclose(np.arctan2(sin, cos)[0], [3 - 2 * math.pi * (3 > math.pi), 0.3])
    x = np.array([1.0, 0, 0, 0]).reshape(1, 1, 1, 4)
    assert np.allclose(rotate(x, cos[:1], sin[:1]).ravel(), [math.cos(3), 0, math.sin(3), 0])


@given(seed=SEEDS, at=st.integers(1, 5), offset=st.integers(0, 6))
def test_causal_and_relative(seed, at, offset):
    """A later token never changes an earlier logit; an offset of the sequence changes nothing."""
    model, tokens = small_llama(seed=seed % 100), some_tokens(T=6, seed=seed)
    changed = tokens.copy()
    changed[:, at] = (changed[:, at] + 1) % 7
    before, after = model(tokens), model(changed)
    assert np.array_equal(before[:, :at], after[:, :at])
    assert (np.abs(before[:, at] - after[:, at]).max(axis=-1) > 0).all()
    assert np.array_equal(before, model(tokens, position=offset))


@given(seed=SEEDS, padding=st.integers(1, 3))
def test_padding_changes_nothing(seed, padding):
    """Longer right padding, of any token: the same loss and gradients."""
    tokens = some_tokens(T=5, seed=seed)
    lengths = np.random.default_rng(seed).integers(2, 6, 3)
    wide = np.concatenate([tokens, some_tokens(T=padding, seed=seed + 1)], axis=1)
    results = []
    for batch in (next_token(tokens, lengths), next_token(wide, lengths)):
        model = small_llama()
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        results.append([np.array(loss), *(p.grad for p in model.parameters())])
    for narrow, padded in zip(*results):
        assert np.allclose(narrow, padded, atol=1e-13)


@given(seed=SEEDS, B=st.integers(1, 3), T=st.integers(1, 4))
def test_cached_equals_uncached(seed, B, T):
    model, tokens = small_llama(seed=seed % 100), some_tokens(B, T, seed=seed)
    cached = generate(model, tokens, 8)
    for _ in range(8):
        tokens = np.concatenate([tokens, model(tokens)[:, -1:].argmax(axis=-1)], axis=1)
    assert np.array_equal(cached, tokens)


@given(seed=SEEDS, cut=st.integers(1, 5))
def test_a_pair_continues_as_a_cache_does(seed, cut):
    model, tokens = small_llama(seed=seed % 100), some_tokens(T=6, seed=seed)
    cache = model.new_past(3, 6)
    model(tokens[:, :cut], past=cache)
    pairs = [(layer.k[:, :, :cut].copy(), layer.v[:, :, :cut].copy()) for layer in cache]
    rest = model(tokens)[:, cut:]
    assert np.allclose(model(tokens[:, cut:], past=pairs), rest, atol=1e-12)
    assert np.allclose(model(tokens[:, cut:], past=cache), rest, atol=1e-12)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_training_a_view_leaves_its_source(way):
    """Steps in float32 stay float32 and move what trains, and nothing in the source."""
    base = small_llama(dtype=np.float32)
    before = {name: p.data.tobytes() for name, p in base.named_parameters()}
    model = moved(way(base, np.random.default_rng(0)))
    batch = next_token(some_tokens() % 3)
    learning = {name: p.data.copy() for name, p in model.named_parameters() if p.trainable}
    frozen = {name: p.data.tobytes() for name, p in model.named_parameters() if not p.trainable}
    optimizer = AdamW(model.trainable_parameters(), lr=0.1)
    for _ in range(2):
        logits, cache = model.forward(batch.tokens)
        _, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        assert {p.grad.dtype for p in model.trainable_parameters()} == {np.dtype(np.float32)}
        optimizer.step()
    after = dict(model.named_parameters())
    assert {name: p.data.tobytes() for name, p in base.named_parameters()} == before
    assert {name: after[name].data.tobytes() for name in frozen} == frozen
    assert all(not np.array_equal(after[name].data, old) for name, old in learning.items())


def test_names_and_start():
    model = Llama(dataclasses.replace(CONFIG, vocab_size=300), np.random.default_rng(0))
    block = [
        "input_layernorm",
        "self_attn.q_proj",
        "self_attn.k_proj",
        "self_attn.v_proj",
        "self_attn.o_proj",
        "post_attention_layernorm",
        "mlp.gate_proj",
        "mlp.up_proj",
        "mlp.down_proj",
    ]
    expected = [f"layers.{i}.{part}" for i in range(2) for part in block]
    named = dict(model.named_parameters())
    assert list(named) == [f"{part}.weight" for part in ["embed_tokens", *expected, "norm"]]
    assert named["layers.1.self_attn.k_proj.weight"].shape == (6, 8)
    assert abs(named["embed_tokens.weight"].data.std() - 0.02) < 1e-3
    assert model.lm_head.weight is model.embed_tokens.weight is model.wte.weight
    assert not any(p.data.any() for p in Llama(CONFIG, None).wte.parameters())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_hidden_layers": 0}, "num_hidden_layers from 1, a whole number, got 0"),
        ({"head_dim": 3.0}, "head_dim from 1, a whole number, got 3.0"),
        ({"num_attention_heads": 5, "head_dim": None}, "hidden_size 6 to divide into 5 heads of"),
        ({"head_dim": 3}, "an even width, got head_dim 3"),
        ({"num_key_value_heads": 3}, "4 heads do not divide into 3 groups"),
        ({"rope_theta": 0.0}, "rope_theta above 0, .* got 0.0"),
        ({"rms_norm_eps": math.inf}, "rms_norm_eps above 0, .* got inf"),
    ],
)
def test_config_errors(settings, message):
    sizes = dataclasses.asdict(CONFIG) | settings
    with pytest.raises(ValueError, match=message):
        LlamaConfig(**sizes)


def test_other_names_say_the_same():
    config = LlamaConfig()
    names = (config.n_embd, config.n_layer, config.n_head, config.n_kv_head, config.n_positions)
    assert names == (128, 4, 4, 4, 128) and config.head_dim == 32
    model = small_llama()
    assert model.h is model.layers and model.ln_f is model.norm
    assert model.h[0].attn is model.layers[0].self_attn
    view = model.view()
    view.h[0].attn = wrapper = small_llama().layers[0].self_attn
    assert view.layers[0].self_attn is wrapper is not model.layers[0].self_attn


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(np.zeros((1, 13), int)), "Llama: 13 tokens from position 0 on do not fit"),
        (lambda m: m(np.full((2, 3), 7)), "ids from 0 to 6, got 7 to 7"),
        (lambda m: m(some_tokens(), past=some_past()[:1]), "each of 2 layers, got 1"),
        (lambda m: m(some_tokens(), past=some_past(B=2)), r"past .* \(3, 2, 2, 4\) .* got \(2, 2"),
        (lambda m: m.new_past(1, 13), "Llama: 13 positions are more than n_positions 12"),
        (lambda m: m.backward(0, m.forward(some_tokens(), keep=False)[1]), "nothing was kept"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call(small_llama())
