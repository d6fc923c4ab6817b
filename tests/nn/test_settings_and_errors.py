"""The ends of what the network's parts allow, what they say beyond them, and their defaults."""

import numpy as np
import pytest

from helpers import llamas
from helpers.models import CONFIG, small_gpt, some_past, some_tokens
from lora_np.nn import (
    GPT,
    Attention,
    Embedding,
    GPTConfig,
    Head,
    KeyValueCache,
    LayerNorm,
    Linear,
    Llama,
    LlamaConfig,
    Parameter,
)
from lora_np.nn.llama import also
from lora_np.nn.norm import RMSNorm
from lora_np.nn.rotary import rotary_angles

RNG = np.random.default_rng
ONES = {"vocab_size": 1, "n_positions": 1, "n_embd": 1, "n_layer": 1, "n_head": 1, "n_inner": 1}
LLAMA_ONES = {
    "vocab_size": 1,
    "hidden_size": 2,
    "intermediate_size": 1,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "num_key_value_heads": 1,
    "max_position_embeddings": 1,
}


def test_the_smallest_models():
    for model in (GPT(GPTConfig(**ONES), RNG(0)), Llama(LlamaConfig(**LLAMA_ONES), RNG(0))):
        logits, cache = model.forward(np.zeros((1, 1), int))
        assert logits.shape == (1, 1, 1)
        model.backward(np.ones_like(logits), cache)
        assert all(np.isfinite(p.grad).all() for p in model.parameters())


@pytest.mark.parametrize("name", ONES)
@pytest.mark.parametrize("bad", [0, -1, 1.0, True, "1"])
def test_sizes_of_a_gpt(name, bad):
    with pytest.raises(ValueError, match=f"GPTConfig: expected {name} from 1, .* got {bad!r}$"):
        GPTConfig(**ONES | {name: bad})


@pytest.mark.parametrize("name", [*LLAMA_ONES, "head_dim"])
@pytest.mark.parametrize("bad", [0, -1, 2.0, True, "1"])
def test_sizes_of_a_llama(name, bad):
    with pytest.raises(ValueError, match=f"LlamaConfig: expected {name} from 1, .* got {bad!r}$"):
        LlamaConfig(**LLAMA_ONES | {name: bad})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GPTConfig(embd_pdrop=-0.1), "embd_pdrop from 0 to below 1, got -0.1"),
        (lambda: GPTConfig(resid_pdrop=1.0), "resid_pdrop from 0 to below 1, got 1.0"),
        (lambda: GPTConfig(attn_pdrop=np.nan), "attn_pdrop from 0 to below 1, got nan"),
        (lambda: GPTConfig(layer_norm_epsilon=np.nan), "layer_norm_epsilon above 0, .* got nan"),
        (lambda: LlamaConfig(hidden_size=6, num_attention_heads=2), "even width, got head_dim 3"),
        (lambda: LlamaConfig(hidden_size=6, num_attention_heads=4), "4 heads of .* head_dim None"),
        (lambda: LlamaConfig(num_key_value_heads=3), "4 heads do not divide into 3 groups"),
        (lambda: LlamaConfig(rms_norm_eps=0.0), "rms_norm_eps above 0, .* got 0.0"),
        (lambda: LlamaConfig(rope_theta=np.inf), "rope_theta above 0, .* got inf"),
        (lambda: RMSNorm(np.ones((2, 3))), r"RMSNorm: expected a weight \(d,\), got \(2, 3\)"),
        (lambda: LayerNorm(np.ones((2, 2)), np.ones((2, 2))), r"\(d,\), got \(2, 2\) and \(2, 2\)"),
        (lambda: Linear(np.ones((2, 3)), np.ones((3, 1))), r"expected a bias \(3,\), got \(3, 1\)"),
        (lambda: Linear(np.ones((2, 3)))(np.float64(1)), "expected x .* got float64"),
        (lambda: Linear(np.ones((2, 3)))(np.array(1.0)), r"got an array of shape \(\)"),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def replaced(k=None, v=None):
    """Two layers' pairs, with one array of the second layer changed."""
    pairs = some_past()
    return [pairs[0], (k(pairs[1][0]) if k else pairs[1][0], v(pairs[1][1]) if v else pairs[1][1])]


@pytest.mark.parametrize(
    "change",
    [lambda a: a[:2], lambda a: a[:, :1], lambda a: a[..., :2], lambda a: a[0], np.float32],
)
@pytest.mark.parametrize("which", ["k", "v"])
def test_each_half_of_a_past_is_checked(which, change):
    message = r"expected past keys and values \(3, 2, .*, 3\) in float64, got"
    with pytest.raises(ValueError, match=message):
        small_gpt()(some_tokens(), past=replaced(**{which: change}))


def test_a_shorter_v_than_k():
    for past in (replaced(k=lambda a: a[:, :, :1]), replaced(v=lambda a: a[:, :, :1])):
        with pytest.raises(ValueError, match="expected past keys and values"):
            small_gpt()(some_tokens(), past=past)


@pytest.mark.parametrize("shape", [(1, 2, 2, 3), (2, 2, 1, 3), (1, 1, 1, 3), (1, 2, 1, 2)])
def test_what_a_growing_past_refuses(shape):
    """Two of three positions are filled, so one fits; and k and v are checked each."""
    message = r"2 of 3 positions are filled; expected k and v \(1, 2, (1|2), 3\) that fit"
    for k, v in (((1, 2, 1, 3), shape), (shape, (1, 2, 1, 3))):
        cache = KeyValueCache((1, 2, 3, 3), np.float32)
        cache.append(np.ones((1, 2, 2, 3)), np.ones((1, 2, 2, 3)))
        with pytest.raises(ValueError, match=message):
            cache.append(np.ones(k), np.ones(v))
        assert cache.length == 2, "what was refused is not counted"
        cache.append(np.ones((1, 2, 1, 3)), np.ones((1, 2, 1, 3)))
        assert cache.length == 3


@pytest.mark.parametrize(
    ("model", "room"), [(small_gpt, 8), (llamas.small_llama, 12)], ids=["GPT", "Llama"]
)
def test_the_context_may_be_filled_to_the_last_position(model, room):
    model = model()
    name = type(model).__name__
    assert model(some_tokens(2, room)).shape == (2, room, 7)
    assert model(some_tokens(2, 2), position=np.array([0, room - 2])).shape == (2, 2, 7)
    assert model(some_tokens(2, 2), position=np.uint8(room - 2)).shape == (2, 2, 7)
    past = model.new_past(2, room)
    assert np.allclose(model(some_tokens(2, room), past=past), model(some_tokens(2, room)))
    assert [(p.length, p.k.shape[2], p.k.dtype) for p in past] == [(room, room, np.float64)] * 2
    for position, message in [
        (np.array([0, 1, 2]), "expected one position or 2 of them, got array"),
        (np.array([[0, 1]]), "expected one position or 2 of them"),
        (np.array([0, -1]), f"2 tokens from position 0 on do not fit .* n_positions is {room}"),
        (np.array([0, room - 1]), f"from position {room - 1} on do not fit"),
    ]:
        with pytest.raises(ValueError, match=f"{name}: .*{message}"):
            model(some_tokens(2, 2), position=position)
    with pytest.raises(ValueError, match=f"{name}: expected tokens"):
        model(np.zeros(3, int))
    with pytest.raises(ValueError, match=f"{name}: {room + 1} positions are more"):
        model.new_past(1, room + 1)
    with pytest.raises(ValueError, match=f"{name}: nothing was kept"):
        model.backward(None, None)


def test_a_growing_past_is_in_the_models_dtype():
    for model in (small_gpt(dtype=np.float32), llamas.small_llama(dtype=np.float32)):
        past = model.new_past(1, 4)
        assert {p.k.dtype for p in past} | {p.v.dtype for p in past} == {np.dtype(np.float32)}


def test_defaults():
    """ε 1e-5 in both norms, no dropout, a table that starts at position 0."""
    x = 1e-3 * RNG(0).standard_normal((2, 4))
    one, zero = np.ones(4), np.zeros(4)
    assert np.array_equal(LayerNorm(one, zero)(x), LayerNorm(one, zero, 1e-5)(x))
    assert np.array_equal(RMSNorm(one)(x), RMSNorm(one, 1e-5)(x))
    attention = Attention(Linear(RNG(0).standard_normal((4, 12))), Linear(np.eye(4)), 2)
    y = attention(x[None], rng=RNG(0))
    assert np.array_equal(y, attention(x[None]))
    model = small_gpt()
    assert np.array_equal(model.embed(some_tokens())[0], model.embed(some_tokens(), position=0)[0])
    rows = np.zeros((1, 3, CONFIG.n_embd))
    assert np.array_equal(model.add_positions(rows)[0][0], model.wpe.weight.data[:3])


def test_with_no_rng_a_model_is_empty_in_its_dtype():
    """For a loader: all matrices 0, norms at 1."""
    for kind, config in ((GPT, CONFIG), (Llama, llamas.CONFIG)):
        for dtype in (np.float32, np.float64):
            model = kind(config, None, dtype)
            assert {p.dtype for p in model.parameters()} == {np.dtype(dtype)}
            for name, p in model.named_parameters():
                assert (p.data == ("norm" in name or "ln_" in name and "weight" in name)).all()
        assert {p.dtype for p in kind(config, RNG(0)).parameters()} == {np.dtype(np.float32)}
    llama = Llama(LlamaConfig(), RNG(0))
    for name, p in llama.named_parameters():
        if "norm" not in name:
            assert abs(p.data.std() - 0.02) < 1e-3 and abs(p.data.mean()) < 1e-3, name


def test_a_parameter_that_is_handed_over_stays_itself():
    """Frozen or not, so that two layers can share it."""
    for trainable in (True, False):
        w, v = Parameter(np.ones((3, 3)), trainable), Parameter(np.ones(3), trainable)
        layers = [Linear(w, v), Embedding(w), Head(w), LayerNorm(v, v), RMSNorm(v)]
        assert all(layer.weight in (w, v) for layer in layers)
        assert layers[0].bias is layers[3].bias is v and v.trainable is trainable


def test_another_name_for_an_attribute():
    class Thing:
        new = also("old")

    thing = Thing()
    thing.new = 3
    assert thing.old == 3
    thing.old = 4
    assert thing.new == 4


def test_angles_are_exact_far_out_and_come_in_the_dtype_asked_for():
    """Computed in float64: at position 10,000 a float32 angle would be off by some 1e-3."""
    for dtype in (np.float32, np.float64):
        cos, sin = rotary_angles(10_000, 2, 4, 10_000.0, dtype)
        assert cos.dtype == sin.dtype == dtype and cos.shape == (2, 2)
        expected = np.array([[10_000, 100], [10_001, 100.01]])
        assert np.allclose(cos, np.cos(expected), atol=1e-7)
        assert np.allclose(sin, np.sin(expected), atol=1e-7)


@pytest.mark.parametrize("make", [small_gpt, llamas.small_llama])
def test_no_past_is_an_empty_past(make):
    """The first token stands at position 0 either way: the same keys, bit for bit."""
    model, x = make(), RNG(0).standard_normal((2, 3, 6))
    attention, past = model.h[0].attn, model.new_past(2, 3)[0]
    _, cache = attention.forward(x)
    attention(x, past=past)
    core = next(part for part in cache if isinstance(part, tuple) and len(part) == 6)
    assert core[1].tobytes() == past.k.tobytes() and core[2].tobytes() == past.v.tobytes()


@pytest.mark.parametrize(
    ("settings", "biased", "normed"),
    [
        ({}, "", False),
        ({"attention_bias": True}, "qkvo", False),
        ({"model_type": "qwen2"}, "qkv", False),
        ({"model_type": "qwen3"}, "", True),
        ({"mlp_bias": True}, "", False),
    ],
)
def test_a_model_type_says_which_layers_have_a_bias(settings, biased, normed):
    sizes = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "vocab_size": 3}
    (block,) = Llama(LlamaConfig(**sizes, **settings), RNG(0)).layers
    attn, mlp = block.self_attn, block.mlp
    assert [n for n in "qkvo" if getattr(attn, f"{n}_proj").bias is not None] == list(biased)
    assert (attn.q_norm is not None) is (attn.k_norm is not None) is normed
    for part in (mlp.gate_proj, mlp.up_proj, mlp.down_proj):
        assert (part.bias is not None) is ("mlp_bias" in settings)
