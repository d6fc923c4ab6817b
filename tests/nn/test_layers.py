"""Embedding and LayerNorm: what they promise beside their gradients, and what they refuse."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.nn import Embedding, Head, LayerNorm, Linear


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 6))
def test_embedding_is_a_one_hot_product(seed, n):
    """W[ids] = onehot(ids) W, so dW = onehot(ids)ᵀ dy: repeated ids add up."""
    rng = np.random.default_rng(seed)
    layer, ids = Embedding(rng.standard_normal((n, 3))), rng.integers(0, n, (2, 4))
    y, cache = layer.forward(ids)
    dy, onehot = rng.standard_normal(y.shape), np.eye(n)[ids]
    layer.backward(dy, cache)
    assert np.array_equal(y, onehot @ layer.weight.data)
    assert np.allclose(layer.weight.grad, np.einsum("btn,btd->nd", onehot, dy), atol=1e-13)


def test_no_ids_have_no_gradient():
    layer = Embedding(np.ones((4, 2)))
    y, cache = layer.forward(np.zeros((0, 3), int))
    assert y.shape == (0, 3, 2)
    layer.backward(y, cache)
    assert layer.weight.grad is None


@given(seed=st.integers(0, 2**32 - 1), scale=st.sampled_from([0.5, 3.0]))
def test_layer_norm_ignores_shift_and_scale(seed, scale):
    rng = np.random.default_rng(seed)
    layer = LayerNorm(np.ones(5), np.zeros(5), eps=1e-12)
    x = rng.standard_normal((2, 3, 5))
    y = layer(x)
    assert np.allclose(y.mean(axis=-1), 0, atol=1e-12)
    assert np.allclose(y.var(axis=-1), 1, atol=1e-6)
    assert np.allclose(layer(scale * x + 2), y, atol=1e-6)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Embedding(np.ones(3)), r"Embedding: expected a weight \(n, d\), got \(3,\)"),
        (lambda: Head(np.ones(3)), r"Head: expected a weight \(n, d\), got \(3,\)"),
        (lambda: LayerNorm(np.ones(3), np.ones(2)), r"expected a weight and a bias .* \(2,\)"),
        (lambda: Embedding(np.ones((4, 2)))(np.array([4])), "ids from 0 to 3, got 4 to 4"),
        (lambda: Embedding(np.ones((4, 2)))(np.array([-1])), "ids from 0 to 3, got -1 to -1"),
        (lambda: Embedding(np.ones((4, 2)))(np.array([0.5])), "an integer array, got float64"),
        (lambda: Embedding(np.ones((4, 2)))([1]), "an integer array, got list"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()


@pytest.mark.parametrize("bias", [None, np.array([1.0, 2.0, 3.0])])
def test_a_merged_layer_computes_the_same_and_shares_nothing(bias):
    layer, x = Linear(np.arange(6.0).reshape(2, 3), bias), np.ones((4, 2))
    merged = layer.merge()
    assert np.array_equal(merged(x), layer(x))
    for one, two in zip(layer.parameters(), merged.parameters(), strict=True):
        assert not np.shares_memory(one.data, two.data)
