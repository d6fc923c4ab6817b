"""Attention in blocks of keys: the same values as all keys at once, in memory that grows with T."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import llamas
from helpers.models import CONFIG, small_gpt, some_tokens
from lora_np import cross_entropy, next_token
from lora_np.nn import attention, long_attention
from lora_np.nn.attention import attend_backward, attend_forward
from lora_np.nn.long_attention import attend_in_blocks_backward, attend_in_blocks_forward, blocks
from lora_np.train.step import forward_backward

DENSE = attend_forward, attend_backward
IN_BLOCKS = attend_in_blocks_forward, attend_in_blocks_backward


def drawn(seed, B, G, n, T, P, hd, dtype=np.float64):
    """q, k, v and dout, with scores of any size: the running maximum has something to do."""
    rng = np.random.default_rng(seed)
    shapes = (B, G * n, T, hd), (B, G, P + T, hd), (B, G, P + T, hd), (B, T, G * n, hd)
    return [(3 * rng.standard_normal(shape)).astype(dtype) for shape in shapes]


def run(pair, q, k, v, dout, **options):
    """out, dq, dk, dv, and the past's dk and dv."""
    forward, backward = pair
    T = q.shape[2]
    out, cache = forward(q, k, v, **options)
    dq, (dk, dv) = np.full_like(q, np.nan), np.full((2, *k[:, :, :T].shape), np.nan, q.dtype)
    return out, dq, dk, dv, *backward(dout, cache, dq, dk, dv)


SIZES = {
    "seed": st.integers(0, 2**32 - 1), "B": st.integers(1, 2), "G": st.integers(1, 2),
    "n": st.integers(1, 3), "T": st.integers(2, 9), "P": st.integers(0, 5),
}  # fmt: skip


@settings(max_examples=40)
@given(**SIZES, keys=st.integers(1, 6), window=st.none() | st.integers(1, 8))
def test_blocks_give_what_all_keys_at_once_give(seed, B, G, n, T, P, keys, window):
    """For any block size, past, window and number of heads that share a key."""
    inputs = drawn(seed, B, G, n, T, P, 4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_attention, "KEYS", keys)
        found = run(IN_BLOCKS, *inputs, window=window)
    for one, other in zip(found, run(DENSE, *inputs, window=window), strict=True):
        np.testing.assert_allclose(one, other, 1e-9, 1e-11)


@settings(max_examples=15)
@given(**SIZES, keys=st.integers(1, 6))
def test_dropouts_gradient_is_of_the_masks_that_fell(seed, B, G, n, T, P, keys):
    """Against finite differences, with the same generator each time."""
    q, k, v, dout = drawn(seed, B, G, n, T, P, 4)
    options = {"pdrop": 0.4}

    def loss(*arrays):
        out, _ = attend_in_blocks_forward(*arrays, **options, rng=np.random.default_rng(seed))
        return float((out * dout).sum())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_attention, "KEYS", keys)
        _, dq, dk, dv, dk_past, dv_past = run(
            IN_BLOCKS, q, k, v, dout, rng=np.random.default_rng(seed), **options
        )
        gradients = [dq, *(np.concatenate(pair, 2) for pair in ((dk_past, dk), (dv_past, dv)))]
        rng, h = np.random.default_rng(seed), 1e-6
        ways = [rng.standard_normal(a.shape) for a in (q, k, v)]
        up, down = (loss(*(a + s * w for a, w in zip((q, k, v), ways))) for s in (h, -h))
    along = sum(float((g * w).sum()) for g, w in zip(gradients, ways))
    assert (up - down) / (2 * h) == pytest.approx(along, rel=1e-5, abs=1e-5)


@given(T=st.integers(1, 40), P=st.integers(0, 20), window=st.none() | st.integers(1, 9))
def test_no_block_is_read_for_nothing(T, P, window):
    """Each pair that may look is in one block, and each query of a block sees some key of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(long_attention, "KEYS", 7)
        t, j = np.arange(T)[:, None] + P, np.arange(T + P)
        seen = (j <= t) & (j > t - (window or T + P))
        covered = np.zeros_like(seen)
        for keys, rows in blocks(T, T + P, window):
            assert seen[rows, keys].any(axis=1).all()
            covered[rows, keys] = True
    assert (covered | ~seen).all()


@pytest.mark.parametrize(
    "config",
    [CONFIG, replace(llamas.CONFIG, model_type="mistral", sliding_window=3)],
    ids=["GPT", "Llama"],
)
def test_models_use_blocks_from_a_length_on(config, monkeypatch):
    """The same loss and gradients within rounding, and blocks only from LONG tokens on."""
    monkeypatch.setattr(long_attention, "KEYS", 2)
    batch, found, calls = next_token(some_tokens(2, 8)), [], []
    real = attention.attend_in_blocks_forward
    monkeypatch.setattr(
        attention, "attend_in_blocks_forward", lambda *a: calls.append(1) or real(*a)
    )
    for long in (8, 7):
        monkeypatch.setattr(attention, "LONG", long)
        model = small_gpt(config)
        loss = forward_backward(model, batch, cross_entropy)
        found.append([loss, *(p.grad for p in model.parameters())])
        assert len(calls) == (0 if long == 8 else config.n_layer)
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, 1e-8, 1e-12)


def test_memory_grows_with_the_length_and_not_with_its_square():
    """Forward and backward, measured: at 2048 tokens under a quarter of all keys at once."""
    peaks = {}
    for name, pair, T in (("half", IN_BLOCKS, 1024), ("blocks", IN_BLOCKS, 2048)):
        inputs = drawn(0, 1, 1, 1, T, 0, 64, np.float32)
        tracemalloc.start()
        run(pair, *inputs)
        peaks[name] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert 1.8 < peaks["blocks"] / peaks["half"] < 2.1
    assert peaks["blocks"] < 0.25 * 2 * 4 * 2048**2  # p, and in backward dp beside it
