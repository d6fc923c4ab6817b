"""Each way to read more positions than a model was trained on, against its formula."""

import math

import numpy as np
import pytest

from lora_np.nn.rotary import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    LongRopeScaling,
    YarnScaling,
    rotary_angles,
)

THETA, L, N = 10_000.0, 2048, 8
RATES = THETA ** (-np.arange(N) / N)
LOG = math.log(4)  # of the factor


def rates(scaling, length=L):
    return scaling.rates(RATES, THETA, length, L)


def test_linear_turns_as_many_times_slower():
    slower, m = rates(LinearScaling(4.0))
    assert np.allclose(slower, RATES / 4) and m == 1


@pytest.mark.parametrize("length", [5, L, L + 1, 3 * L])
def test_dynamic_is_another_theta_beyond_what_was_trained(length):
    c = 3.0 * length / L - 2.0 if length > L else 1.0
    theta = THETA * c ** (N / (N - 1))  # hd/(hd − 2) of hd = 2N
    got, m = rates(DynamicScaling(3.0), length)
    assert np.allclose(got, theta ** (-np.arange(N) / N)) and m == 1


def test_llama3_leaves_what_turns_often_and_slows_what_turns_seldom():
    scaling = Llama3Scaling(8.0, 1.0, 4.0)
    turns = L * RATES / (2 * math.pi)
    w = [min(max((r - 1) / 3, 0), 1) for r in turns]
    assert {0, 1} < set(w)
    expected = [a * rate + (1 - a) * rate / 8 for a, rate in zip(w, RATES)]
    assert np.allclose(rates(scaling)[0], expected)
    own = Llama3Scaling(8.0, 1.0, 4.0, original_max_position_embeddings=L)
    assert np.array_equal(own.rates(RATES, THETA, L, 8 * L)[0], rates(scaling)[0])


def test_yarn_falls_evenly_between_two_pairs():
    """Over 2,048 positions pair 2.02 turns 32 times, pair 5.03 once; in whole ones, 2 and 6."""
    w = np.array([1, 1, 1, 0.75, 0.5, 0.25, 0, 0])
    assert np.allclose(rates(YarnScaling(4.0))[0], w * RATES + (1 - w) * RATES / 4)
    first, last = (N * math.log(L / (t * 2 * math.pi)) / math.log(THETA) for t in (32, 1))
    w = 1 - np.clip((np.arange(N) - first) / (last - first), 0, 1)
    exact = YarnScaling(4.0, truncate=False)
    assert np.allclose(rates(exact)[0], w * RATES + (1 - w) * RATES / 4)


@pytest.mark.parametrize(
    ("settings", "m"),
    [
        ({}, 0.1 * LOG + 1),
        ({"attention_factor": 0.7}, 0.7),
        ({"mscale": 2.0}, 0.1 * LOG + 1),
        ({"mscale": 2.0, "mscale_all_dim": 0.5}, (0.2 * LOG + 1) / (0.05 * LOG + 1)),
    ],
)
def test_yarn_lengthens_queries_and_keys(settings, m):
    scaling = YarnScaling(4.0, **settings)
    assert math.isclose(rates(scaling)[1], m)
    cos, sin = rotary_angles(3, 2, 2 * N, THETA, np.float64, scaling, L)
    assert np.allclose(np.hypot(cos, sin), m)
    assert math.isclose(YarnScaling(0.5)._m(), 1.0)  # nothing is stretched


def test_longrope_has_one_set_of_factors_for_short_and_one_for_long():
    short, long = tuple(np.arange(1.0, N + 1)), tuple(np.arange(2.0, N + 2))
    scaling = LongRopeScaling(short, long, factor=4.0)
    m = math.sqrt(1 + math.log(4) / math.log(L))
    for length, factors in ((L, short), (L + 1, long)):
        got, grown = rates(scaling, length)
        assert np.allclose(got, RATES / factors) and math.isclose(grown, m)
    assert rates(LongRopeScaling(short, long))[1] == 1
    assert rates(LongRopeScaling(short, long, 4.0, attention_factor=1.5))[1] == 1.5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LinearScaling(0.0), "LinearScaling: expected factor above 0, .* got 0.0"),
        (lambda: YarnScaling(4.0, truncate=1), "expected truncate to be True or False, got 1"),
        (lambda: LongRopeScaling([1.0], (1.0,)), r"short_factor to be a tuple .* got \[1.0\]"),
        (lambda: LongRopeScaling((1.0,), (0.0,)), "long_factor each above 0, .* got 0.0"),
        (lambda: Llama3Scaling(8.0, 4.0, 4.0), "low_ below high_freq_factor, got 4.0 and 4.0"),
    ],
)
def test_settings_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
