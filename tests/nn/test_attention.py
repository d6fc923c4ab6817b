"""Attention: against the formula written out, its past, and the fused projection."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.nn import Attention, KeyValueCache, Linear
from lora_np.nn.attention import causal_mask


def attention(rng, H, hd):
    d = H * hd
    c_attn = Linear(rng.standard_normal((d, 3 * d)), rng.standard_normal(3 * d))
    return Attention(c_attn, Linear(rng.standard_normal((d, d)), rng.standard_normal(d)), H)


@given(
    seed=st.integers(0, 2**32 - 1),
    B=st.integers(1, 3),
    T=st.integers(1, 5),
    H=st.integers(1, 3),
    hd=st.integers(2, 4),
)
def test_formula_position_by_position(seed, B, T, H, hd):
    """Three separate projections, one softmax for each sequence, head and position."""
    rng = np.random.default_rng(seed)
    layer, d = attention(rng, H, hd), H * hd
    x = rng.standard_normal((B, T, d))
    W, b = layer.c_attn.weight.data, layer.c_attn.bias.data
    q, k, v = (x @ W[:, i : i + d] + b[i : i + d] for i in (0, d, 2 * d))
    out = np.zeros_like(x)
    for i, t, h in np.ndindex(B, T, H):
        own = slice(h * hd, (h + 1) * hd)
        fit = np.exp(k[i, : t + 1, own] @ q[i, t, own] / math.sqrt(hd))
        out[i, t, own] = fit @ v[i, : t + 1, own] / fit.sum()
    assert np.allclose(layer(x), layer.c_proj(out), atol=1e-10)


@given(seed=st.integers(0, 2**32 - 1), T=st.integers(2, 5), data=st.data())
def test_past_continues_a_sequence(seed, T, data):
    """Reading the end behind the beginning's keys and values = reading all at once."""
    cut = data.draw(st.integers(1, T - 1))
    rng = np.random.default_rng(seed)
    layer = attention(rng, 2, 3)
    x = rng.standard_normal((2, T, 6))
    whole, (_, (_, k, v, *_), *_) = layer.forward(x)
    pair = (k[:, :, :cut], v[:, :, :cut])
    growing = KeyValueCache((2, 2, T, 3), np.float64)
    layer(x[:, :cut], past=growing)
    assert np.allclose(layer(x[:, cut:], past=pair), whole[:, cut:], atol=1e-12)
    assert np.allclose(layer(x[:, cut:], past=growing), whole[:, cut:], atol=1e-12)
    assert growing.length == T


def test_growing_past_never_copies():
    cache = KeyValueCache((1, 2, 5, 3), np.float32)
    k = np.ones((1, 2, 4, 3), np.float32)
    seen, _ = cache.append(k, k)
    assert np.shares_memory(seen, cache.k) and seen.shape == (1, 2, 4, 3)
    message = r"4 of 5 positions are filled; .* got \(1, 2, 4, 3\)"
    with pytest.raises(ValueError, match=message):
        cache.append(k, k)
    with pytest.raises(ValueError, match=r"got \(2, 2, 1, 3\)"):
        cache.append(np.ones((2, 2, 1, 3)), np.ones((2, 2, 1, 3)))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mask_shows_the_past_and_what_came_before(dtype):
    mask = causal_mask(3, 2, dtype)
    assert mask.dtype == dtype and mask.shape == (3, 5)
    assert (mask == 0).astype(int).tolist() == [[1, 1, 1, 0, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert (mask[mask != 0] == -np.inf).all()
