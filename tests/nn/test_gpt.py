"""Laws of the whole GPT: what may depend on what, what is kept, and what is refused."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import CONFIG, DROPOUT, WAYS, moved, small_gpt, some_past, some_tokens
from lora_np.methods import FullFineTuning, HeadTuning, LoRA
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.train import AdamW

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
    x, _ = moved_on.transform(moved_on.embed(tokens)[0], past=some_past(P=2))
    assert np.allclose(behind, moved_on.lm_head(x), atol=1e-13)


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

    for y in (model.embed(tokens, rng=rng())[0], block.attn(x, rng=rng()), block.mlp(x, rng=rng())):
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
        _, cache = WAYS[name](base, rng).forward_body(some_tokens())
        caches = cache[1][0]
        kept[name] = sum(array.nbytes for array in arrays(caches))
        if name in ("top block", "head", "final norm"):
            assert caches[0] is None
    assert kept["head"] == kept["final norm"] == 0 < kept["top block"] < kept["full"]
    assert kept["LoRA"] < kept["full"]
    for forward in base.forward, base.forward_body:
        assert forward(some_tokens(), keep=False)[1] is None
        assert forward(some_tokens(), past=base.new_past(3, 5))[1] is None
    x, (_, cache) = WAYS["LoRA"](base, rng).forward_body(some_tokens())
    assert WAYS["LoRA"](base, rng).transform_backward(x, cache) == (None, None)


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
