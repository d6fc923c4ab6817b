"""One token of a row of logits: drawn from its softmax after both cuts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.generation.sampling import divided, sample

RNG = np.random.default_rng
LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3]))


@pytest.mark.parametrize(
    ("top_k", "top_p", "expected"),
    [
        (None, None, [0.1, 0.4, 0.2, 0.3]),
        (2, None, [0, 4 / 7, 0, 3 / 7]),
        (None, 0.6, [0, 4 / 7, 0, 3 / 7]),
        (None, 0.75, [0, 4 / 9, 2 / 9, 3 / 9]),
        (None, 1e-9, [0, 1, 0, 0]),
        (1, 1.0, [0, 1, 0, 0]),
        (3, 0.7, [0, 4 / 7, 0, 3 / 7]),
    ],
)
def test_sample_draws_in_proportion(top_k, top_p, expected):
    n = 20_000
    drawn = sample(np.tile(LOGITS, (n, 1)), top_k, top_p, RNG(0))
    shares = np.bincount(drawn, minlength=4) / n
    spread = np.sqrt(np.array(expected) * (1 - np.array(expected)) / n)
    assert (np.abs(shares - expected) <= 5 * spread).all(), shares


class Draws:
    """A generator of these numbers."""

    def __init__(self, numbers):
        self.numbers = numbers

    def random(self, shape):
        return np.broadcast_to(self.numbers, shape)


def test_tokens_as_likely_get_equal_parts_of_what_is_drawn():
    drawn = sample(np.zeros((8, 4)), None, None, Draws(np.arange(8)[:, None] / 8))
    assert drawn.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


@given(seed=st.integers(0, 2**32 - 1), top_k=st.integers(1, 9), top_p=st.floats(0.01, 1))
def test_the_largest_number_draws_no_token_that_was_cut(seed, top_k, top_p):
    logits = 3 * RNG(seed).normal(size=(50, 9))
    drawn = sample(logits, top_k, top_p, Draws(1 - 2.0**-53))
    likelier = logits > np.take_along_axis(logits, drawn[:, None], axis=-1)
    p = np.exp(logits) * (logits >= np.sort(logits, axis=-1)[:, -top_k, None])
    assert (likelier.sum(axis=-1) < top_k).all()
    assert ((p * likelier).sum(axis=-1) / p.sum(axis=-1) < top_p + 1e-12).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    temperature=st.floats(0, 1.7e308, exclude_min=True),
    spread=st.sampled_from([1e-30, 1.0, 1e30, 1e300]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_temperature_gives_shares(seed, temperature, spread, dtype):
    """However far logits/temperature would go: no NaN, and the likeliest is never less likely."""
    logits = (RNG(seed).normal(size=(3, 9)) * spread).clip(-3e38, 3e38).astype(dtype)
    with np.errstate(all="raise", under="ignore"):
        scaled = divided(logits, temperature)
        assert (scaled.max(axis=-1) == 0).all() and not np.isnan(scaled).any()
        drawn = sample(scaled, None, None, RNG(seed))
        assert ((drawn >= 0) & (drawn < 9)).all()
        exact = np.take_along_axis(scaled, drawn[:, None], axis=-1)[:, 0]
        assert (exact > -50).all()  # a share of e⁻⁵⁰ is never drawn
    likeliest = (scaled == 0).sum(axis=-1) == 1
    if temperature < 1e-300:
        assert (drawn == logits.argmax(axis=-1))[likeliest].all()


def test_of_tokens_as_likely_the_first_stays():
    logits = RNG(0).integers(0, 2, (5, 200)).astype(np.float32)
    assert np.array_equal(sample(logits, 1, None, RNG(0)), logits.argmax(axis=-1))
