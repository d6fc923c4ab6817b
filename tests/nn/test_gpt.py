"""Laws of the whole GPT: what may depend on what, what is kept, and what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.methods import FullFineTuning, HeadTuning, LoRA
from lora_np.nn import GPT, GPTConfig
from lora_np.objectives import cross_entropy
from lora_np.optim import AdamW
from lora_np.tasks import next_token
from models import CONFIG, DROPOUT, WAYS, moved, small_gpt, some_past, some_tokens

SEEDS = st.integers(0, 2**32 - 1)


def step_gradients(model, batch, seed=None):
    view = model.view()
    rng = None if seed is None else np.random.default_rng(seed)
    logits, cache = view.forward(batch.tokens, rng=rng)
    loss, dlogits = cross_entropy(logits, batch)
    view.backward(dlogits, cache)
    return loss, {name: p.grad for name, p in view.named_parameters() if p.trainable}


def arrays(value):
    """Every array in a cache, however it is nested."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from arrays(item)


@given(seed=SEEDS, at=st.integers(1, 5))
def test_causality(seed, at):
    """A later token never changes an earlier logit, bit for bit, and changes its own."""
    model, tokens = small_gpt(seed=seed), some_tokens(T=6, seed=seed)
    changed = tokens.copy()
    changed[:, at] = (changed[:, at] + 1) % CONFIG.vocab_size
    before, after = model(tokens), model(changed)
    assert np.array_equal(before[:, :at], after[:, :at])
    assert (np.abs(before[:, at] - after[:, at]).max(axis=-1) > 0).all()


@given(seed=SEEDS, padding=st.integers(1, 3))
def test_padding_changes_nothing(seed, padding):
    """Longer right padding, of any token: the same loss and gradients."""
    tokens = some_tokens(T=5, seed=seed)
    lengths = np.random.default_rng(seed).integers(2, 6, 3)
    wide = np.concatenate([tokens, some_tokens(T=padding, seed=seed + 1)], axis=1)
    model = small_gpt()
    loss, grads = step_gradients(model, next_token(tokens, lengths))
    wide_loss, wide_grads = step_gradients(model, next_token(wide, lengths))
    assert abs(loss - wide_loss) < 1e-13
    for name, grad in grads.items():
        assert np.allclose(grad, wide_grads[name], atol=1e-13), name


@given(seed=SEEDS)
def test_batch_order_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    order, model, tokens = rng.permutation(4), small_gpt(), some_tokens(B=4, seed=seed)
    assert np.allclose(model(tokens)[order], model(tokens[order]), atol=1e-13)
    _, grads = step_gradients(model, next_token(tokens))
    _, permuted = step_gradients(model, next_token(tokens[order]))
    for name, grad in grads.items():
        assert np.allclose(grad, permuted[name], atol=1e-13), name


@given(seed=SEEDS, n=st.integers(1, 5))
def test_shards_gradients_add_up(seed, n):
    """Each shard divides by the whole batch's weight."""
    rng, model = np.random.default_rng(seed), small_gpt()
    batch = next_token(some_tokens(B=4, T=6, seed=seed), rng.integers(2, 7, 4))
    loss, grads = step_gradients(model, batch)
    parts = [step_gradients(model, shard) for shard in batch.split(n)]
    assert len(parts) == min(n, 4)
    assert abs(sum(part_loss for part_loss, _ in parts) - loss) < 1e-13
    for name, grad in grads.items():
        assert np.allclose(sum(part[name] for _, part in parts), grad, atol=1e-13), name


@given(seed=SEEDS, offset=st.integers(0, 3))
def test_position_shifts_the_position_embedding(seed, offset):
    """One number, or one a sequence; a past of P moves the tokens on by P."""
    model, tokens = small_gpt(seed=seed), some_tokens(seed=seed)
    each = model(tokens, position=np.array([offset, 0, offset]))
    assert np.allclose(each[::2], model(tokens[::2], position=offset), atol=1e-13)
    assert np.allclose(each[1], model(tokens)[1], atol=1e-13)
    moved_on = model.view()
    moved_on.wpe.weight.data = np.roll(model.wpe.weight.data, -2, axis=0)
    behind = model(tokens, past=some_past(P=2))
    here = moved_on.transform(moved_on.embed(tokens)[0], past=some_past(P=2))[0]
    assert np.allclose(behind, here, atol=1e-13)


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_float32_stays_float32(way):
    """Through every activation, gradient, moment and weight."""
    base = small_gpt(DROPOUT, np.float32)
    model = way(base, np.random.default_rng(0))
    batch = next_token(some_tokens() % 3)
    optimizer = AdamW(model.trainable_parameters(), weight_decay=0.1)
    logits, cache = model.forward(batch.tokens, rng=np.random.default_rng(1))
    _, dlogits = cross_entropy(logits, batch)
    model.backward(dlogits, cache)
    grads = [p.grad for p in model.trainable_parameters()]
    optimizer.step()
    everything = [logits, dlogits, *arrays(cache), *grads, *optimizer.m, *optimizer.v]
    everything += [p.data for p in model.parameters()]
    real = [array.dtype for array in everything if array.dtype.kind == "f"]
    assert len(real) > len(grads) and set(real) == {np.dtype(np.float32)}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
def test_training_a_view_leaves_its_source(way):
    """Steps on the view move only what trains; the source keeps every byte, and its arrays."""
    base = small_gpt()
    before = {name: p.data.tobytes() for name, p in base.named_parameters()}
    model = moved(way(base, np.random.default_rng(0)))
    batch = next_token(some_tokens() % 3)
    frozen = {name: p.data.tobytes() for name, p in model.named_parameters() if not p.trainable}
    learning = {name: p.data.copy() for name, p in model.named_parameters() if p.trainable}
    optimizer = AdamW(model.trainable_parameters(), lr=0.1)
    for _ in range(2):
        logits, cache = model.forward(batch.tokens)
        model.backward(cross_entropy(logits, batch)[1], cache)
        optimizer.step()
    after = dict(model.named_parameters())
    assert {name: p.data.tobytes() for name, p in base.named_parameters()} == before
    assert {name: after[name].data.tobytes() for name in frozen} == frozen
    assert all(after[name].grad is None for name in frozen)
    assert all(not np.array_equal(after[name].data, old) for name, old in learning.items())
    for name, p in base.named_parameters():
        if name in frozen:
            assert np.shares_memory(after[name].data, p.data), name


def test_a_later_method_leaves_what_learnt_before():
    """The second view trains LoRA's factors too, on copies: the first view keeps its own."""
    rng = np.random.default_rng(0)
    first = moved(LoRA(2, 3.0).apply(small_gpt(), rng))
    second = HeadTuning().apply(first, rng)
    kept = {name: p.data.copy() for name, p in first.named_parameters()}
    for p in second.trainable_parameters():
        p.data += 1
    assert all(np.array_equal(p.data, kept[name]) for name, p in first.named_parameters())
    assert [type(m).__name__ for m in second.methods] == ["LoRA", "HeadTuning"]


def test_equal_seeds_give_equal_bits():
    runs = []
    for _ in range(2):
        model = LoRA(2, 3.0).apply(small_gpt(DROPOUT, np.float32), np.random.default_rng(5))
        runs.append(step_gradients(model, next_token(some_tokens()), seed=6))
    assert runs[0][0] == runs[1][0]
    for name, grad in runs[0][1].items():
        assert grad.tobytes() == runs[1][1][name].tobytes(), name
    other, _ = step_gradients(model, next_token(some_tokens()), seed=7)
    assert other != runs[0][0]


def test_dropout_is_where_gpt2_has_it():
    """On the embeddings, the attention weights, and what each sublayer adds; only with an rng."""
    config = dataclasses.replace(CONFIG, embd_pdrop=0.5, resid_pdrop=0.5)
    model, tokens = small_gpt(config), some_tokens()
    block, x = model.h[0], np.ones((3, 5, 6))

    def rng():
        return np.random.default_rng(0)

    for y in (
        model.embed(tokens, rng=rng())[0], block.attn(x, rng=rng()), block.mlp(x, rng=rng())
    ):  # fmt: skip
        assert 0.3 < (y == 0).mean() < 0.7
    assert np.array_equal(model(tokens), small_gpt()(tokens))
    attn = small_gpt(dataclasses.replace(CONFIG, attn_pdrop=0.5)).h[0].attn
    _, (_, (_, _, _, p, dropped, _), *_) = attn.forward(x, rng=rng())
    zeroed = dropped == 0
    assert (zeroed & (p > 0)).any() and np.allclose(dropped[~zeroed], 2 * p[~zeroed])


def test_what_is_kept_for_backward():
    """Blocks below the lowest that trains keep nothing; a frozen body keeps nothing at all."""
    base, rng = small_gpt(), np.random.default_rng(0)
    kept = {}
    for name in ("full", "LoRA", "top block", "head", "final norm"):
        _, (_, ((caches, *_), _)) = WAYS[name](base, rng).forward(some_tokens())
        kept[name] = sum(array.nbytes for array in arrays(caches))
        if name in ("top block", "head", "final norm"):
            assert caches[0] is None
    assert kept["head"] == kept["final norm"] == 0 < kept["top block"] < kept["full"]
    assert kept["LoRA"] < kept["full"]
    assert base.forward(some_tokens(), keep=False)[1][1] is None
    logits, (_, cache) = WAYS["LoRA"](base, rng).forward(some_tokens())
    assert WAYS["LoRA"](base, rng).transform_backward(logits, cache) == (None, None)


def test_head_tuning_never_enters_the_body():
    model = HeadTuning(3).apply(small_gpt(), np.random.default_rng(0))
    logits, cache = model.forward(some_tokens())
    for part in (*model.h, model.ln_f, model.wte, model.wpe):
        part.backward = lambda *_: pytest.fail("backward entered the body")
    model.backward(np.ones_like(logits), cache)
    assert model.lm_head.weight.grad.shape == (3, CONFIG.n_embd)


def test_tied_head_is_one_parameter():
    base = small_gpt()
    for model in (base, base.view(), base.astype(np.float32), FullFineTuning().apply(base)):
        assert model.lm_head.weight is model.wte.weight
        assert "lm_head.weight" not in dict(model.named_parameters())
    untied = HeadTuning().apply(base, np.random.default_rng(0))
    assert untied.lm_head.weight is not untied.wte.weight
    assert np.array_equal(untied(some_tokens()), base(some_tokens()))
    assert list(dict(untied.named_parameters()))[-1] == "lm_head.weight"


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
        ({"layer_norm_epsilon": 0.0}, "layer_norm_epsilon > 0, got 0.0"),
        ({"attn_pdrop": 1.0}, "attn_pdrop from 0 to below 1, got 1.0"),
    ],
)
def test_config_errors(settings, message):
    with pytest.raises(ValueError, match=message):
        GPTConfig(**settings)
