"""Shards: the same gradients as the whole batch, and the same bits on one thread as on many."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.laws import close
from lora_np import GPT, AdamW, GPTConfig, LoRA, QLoRA, cross_entropy, next_token
from lora_np.system.process import cores
from lora_np.train import step, train
from lora_np.train.step import forward_backward, shard_count

CONFIG = GPTConfig(vocab_size=17, n_positions=300, n_embd=16, n_layer=2, n_head=2, resid_pdrop=0.2)


def learner(method, dtype=np.float32):
    rng = np.random.default_rng(0)
    model = method.apply(GPT(CONFIG, rng, dtype), rng)
    for parameter in model.trainable_parameters():
        parameter.data += 0.1 * rng.standard_normal(parameter.shape).astype(dtype)
    return model


def batch_of(B, T, seed=0):
    rng = np.random.default_rng(seed)
    return next_token(rng.integers(0, 17, (B, T + 1)), rng.integers(2, T + 2, B))


def gradients(model):
    return {n: p.grad for n, p in model.named_parameters() if p.trainable}


@settings(max_examples=10)
@given(B=st.integers(2, 5), seed=st.integers(0, 99))
def test_shards_add_up_to_the_batch(B, seed):
    """In float64, so that only the order of adding differs."""
    model, batch = learner(LoRA(2, 3.0), np.float64), batch_of(B, 257, seed)
    assert shard_count(B, 257, 16) == 2
    whole = model.view()
    logits, cache = whole.forward(batch.tokens)
    expected, dlogits = cross_entropy(logits, batch)
    whole.backward(dlogits, cache)
    loss = forward_backward(model, batch, cross_entropy, threads=2)
    assert loss == pytest.approx(expected, rel=1e-12)
    for name, grad in gradients(whole).items():
        close(gradients(model)[name], grad, name, 1e-12)


def test_shards_in_parts_add_up_too():
    model, batch, shapes = learner(LoRA(2, 3.0), np.float64), batch_of(4, 257), []
    whole = model.view()

    def watched(logits, part):
        shapes.append(len(logits))
        return cross_entropy(logits, part)

    loss = forward_backward(model, batch, watched, threads=2, parts=2)
    assert loss == pytest.approx(forward_backward(whole, batch, cross_entropy), rel=1e-12)
    assert shapes == [1] * 4
    for name, grad in gradients(whole).items():
        close(gradients(model)[name], grad, name, 1e-12)


@pytest.mark.parametrize("method", [LoRA(2, 3.0), QLoRA(2, 3.0)], ids=["LoRA", "QLoRA"])
def test_any_number_of_threads_gives_the_same_bits(method):
    """A training run with dropout, on 1, 2 and 3 threads."""
    runs = []
    for threads in (1, 2, 3):
        model, rng = learner(method), np.random.default_rng(1)
        history = train(
            model,
            (batch_of(4, 200, seed) for seed in range(5)),
            cross_entropy,
            AdamW(model.trainable_parameters(), lr=1e-2),
            steps=5,
            rng=rng,
            threads=threads,
        )
        runs.append((history.losses, [p.data.tobytes() for p in model.trainable_parameters()]))
    assert runs[0] == runs[1] == runs[2]


def test_gradients_accumulate_and_frozen_ones_stay_none():
    model, batch = learner(LoRA(2, 3.0)), batch_of(4, 200)
    forward_backward(model, batch, cross_entropy, threads=2)
    once = {name: grad.copy() for name, grad in gradients(model).items()}
    forward_backward(model, batch, cross_entropy, threads=2)
    for name, grad in gradients(model).items():
        close(grad, 2 * once[name], name, 1e-6)
    assert all(p.grad is None for p in model.parameters() if not p.trainable)


def test_shards_follow_the_shape():
    """Never the number of cores: one for a batch too small to share, one for a single sequence."""
    shapes = ((1, 10_000), (2, 10), (16, 64), (4, 128), (4, 127), (4, 64))
    assert [shard_count(*shape, 64) for shape in shapes] == [1, 1, 2, 2, 1, 1]
    assert shard_count(4, 64, 576) == 2  # a wider model has more to do
    assert cores() >= 1


def test_every_shard_of_every_step_draws_from_a_generator_of_its_own(monkeypatch):
    """Of 60 seeds none comes twice, as they would from a range of some hundreds."""
    model, batch, seen = learner(LoRA(2, 3.0)), batch_of(4, 5), []

    def watched(run, views, shards, rngs):
        seen.extend(rng.bit_generator.state["state"]["state"] for rng in rngs)
        return map(run, views, shards, rngs)

    monkeypatch.setattr(step, "SHARD_ROWS", 4)
    monkeypatch.setattr(step, "map_on", lambda threads: watched)
    rng = np.random.default_rng(0)
    for _ in range(30):
        forward_backward(model, batch, cross_entropy, rng=rng, threads=1)
    assert len(seen) == len(set(seen)) == 60
