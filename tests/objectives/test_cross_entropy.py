"""Cross-entropy: its gradient, its extremes, what masks and shards do, and what it refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.laws import TOLERANCE
from lora_np.gradcheck import numerical_gradient
from lora_np.objectives import cross_entropy
from lora_np.tasks import Batch, classification

SEEDS = st.integers(0, 2**32 - 1)


def some_batch(seed, B=3, T=4, K=5):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.2, 2, (B, T)) * (rng.random((B, T)) < 0.7)
    weights[0, 0] = 1.0
    tokens = np.zeros((B, T), int)
    return rng.standard_normal((B, T, K)), Batch(tokens, rng.integers(0, K, (B, T)), weights)


@given(seed=SEEDS)
def test_loss_and_gradient(seed):
    """The loss is −Σ w log p / Σ w, dlogits its derivative, and each row of dlogits sums to 0."""
    logits, batch = some_batch(seed)
    loss, dlogits = cross_entropy(logits, batch)
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    right = np.take_along_axis(p, batch.targets[..., None], axis=-1)[..., 0]
    assert abs(loss + (batch.weights * np.log(right)).sum() / batch.weights.sum()) < 1e-13
    numerical = numerical_gradient(lambda: cross_entropy(logits, batch)[0], logits)
    assert np.abs(dlogits - numerical).max() <= TOLERANCE * np.abs(dlogits).max()
    assert np.allclose(dlogits.sum(axis=-1), 0, atol=1e-15)
    assert not dlogits[batch.weights == 0].any()


@given(seed=SEEDS)
def test_masked_targets_and_their_logits_do_not_count(seed):
    logits, batch = some_batch(seed)
    loss, dlogits = cross_entropy(logits, batch)
    masked = batch.weights == 0
    batch.targets[masked], logits[masked] = -100, 1e4
    again, dagain = cross_entropy(logits, batch)
    assert loss == again and np.array_equal(dlogits, dagain)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits(dtype):
    """At ±1e4 a right target costs 0, a wrong one the whole gap, with no warning on the way."""
    logits = np.array([[[1e4, -1e4], [-1e4, 1e4]]], dtype)
    batch = Batch(np.zeros((1, 2), int), np.array([[0, 0]]), np.ones((1, 2), np.float32))
    loss, dlogits = cross_entropy(logits, batch)
    assert loss == 1e4 and dlogits.dtype == dtype
    assert np.array_equal(dlogits, [[[0, 0], [-0.5, 0.5]]])


@given(seed=SEEDS)
def test_classification_is_the_same_formula(seed):
    """Only each row's last real token counts, and every row counts alike."""
    rng = np.random.default_rng(seed)
    logits, lengths = rng.standard_normal((3, 4, 5)), rng.integers(1, 5, 3)
    labels = rng.integers(0, 5, 3)
    batch = classification(np.zeros((3, 4), int), lengths, labels)
    loss, dlogits = cross_entropy(logits, batch)
    last = logits[np.arange(3), lengths - 1]
    logp = last - np.log(np.exp(last).sum(axis=-1, keepdims=True))
    assert abs(loss + logp[np.arange(3), labels].mean()) < 1e-13
    counted = np.abs(dlogits).max(axis=-1) > 0
    assert np.array_equal(counted, np.arange(4) == lengths[:, None] - 1)


def test_errors():
    logits, batch = some_batch(0)
    with pytest.raises(ValueError, match=r"expected logits \(\(3, 4\), K\), got \(3, 3, 5\)"):
        cross_entropy(logits[:, :3], batch)
    with pytest.raises(ValueError, match="expected targets from 0 to 1, got 0 to 4"):
        cross_entropy(logits[..., :2], batch)
    nothing = Batch(batch.tokens, batch.targets, np.zeros((3, 4)))
    with pytest.raises(ValueError, match="weights sum to 0.0: no target counts"):
        cross_entropy(logits, nothing)
