"""Softmax, GELU and dropout: what they promise beside their gradients."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.nn import functional
from lora_np.nn.functional import dropout_forward, gelu_forward, log_softmax, softmax_forward

SEEDS = st.integers(0, 2**32 - 1)


@given(seed=SEEDS, shift=st.sampled_from([-1e4, -3.0, 7.0, 1e4]))
def test_softmax_ignores_a_shift_and_sums_to_one(seed, shift):
    z = np.random.default_rng(seed).standard_normal((3, 5))
    p, _ = softmax_forward(z)
    assert np.allclose(p.sum(axis=-1), 1, atol=1e-14)
    assert np.allclose(softmax_forward(z + shift)[0], p, atol=1e-11)
    assert np.allclose(np.log(p), log_softmax(z), atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_extreme_logits_stay_finite(dtype):
    z = np.array([[1e4, -1e4, 0.0], [-1e4, -1e4, -1e4]], dtype)
    assert np.array_equal(softmax_forward(z)[0][0], [1, 0, 0])
    assert np.allclose(log_softmax(z), [[0, -2e4, -1e4], [-math.log(3)] * 3])
    assert softmax_forward(z)[0].dtype == log_softmax(z).dtype == dtype


@pytest.mark.parametrize("piece", [1, 5, 12, 100])
@pytest.mark.parametrize("order", ["C", "F"])
def test_gelu_in_pieces_is_gelu_number_by_number(monkeypatch, piece, order):
    """Arrays of more than a piece, of less, and of several with a rest; x in either order."""
    x = np.random.default_rng(0).standard_normal((3, 4))
    expected = [gelu_forward(np.array([number])) for number in x.ravel()]
    monkeypatch.setattr(functional, "PIECE", piece)
    for got, column in zip(gelu_forward(np.asarray(x, order=order)), zip(*expected)):
        assert np.array_equal(got, np.concatenate(column).reshape(3, 4))
    z = x.copy()
    y, _ = gelu_forward(z, out=z)
    assert y is z and np.array_equal(y, gelu_forward(x)[0])


@pytest.mark.parametrize("out", [np.zeros((4, 3)), np.zeros((4, 3)).T, np.zeros(12)])
def test_gelu_writes_only_where_it_can(out):
    with pytest.raises(ValueError, match=r"gelu_forward: expected out \(3, 4\) in C order"):
        gelu_forward(np.zeros((3, 4)), out=out)


def test_gelu_is_the_tanh_form():
    for x in (-3.0, -0.7, 0.0, 0.5, 2.0):
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
        expected = 0.5 * x * (1 + math.tanh(inner))
        assert abs(gelu_forward(np.array([x]))[0][0] - expected) < 1e-15


@given(seed=SEEDS, p=st.sampled_from([0.1, 0.5, 0.9]))
def test_dropout_zeroes_or_scales_and_keeps_the_mean(seed, p):
    x = np.ones((50, 80))
    y, mask = dropout_forward(x, p, np.random.default_rng(seed))
    kept = y != 0
    assert np.allclose(y[kept], 1 / (1 - p)) and np.array_equal(y, mask)
    spread = math.sqrt(p * (1 - p) / x.size)
    assert abs(kept.mean() - (1 - p)) < 7 * spread


def test_dropout_needs_both_an_rng_and_a_rate():
    x = np.ones((2, 3))
    assert dropout_forward(x, 0.5, None)[0] is x
    assert dropout_forward(x, 0.0, np.random.default_rng(0))[0] is x
