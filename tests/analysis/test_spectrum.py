"""ΔW, its singular values, and how far two of them share their directions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import moved, small_gpt
from lora_np import HeadTuning, LoRA
from lora_np.analysis.spectrum import (
    delta_weights,
    intruders,
    overlap,
    rank_for,
    shrunk,
    singular_values,
    truncated,
)

SEEDS = st.integers(0, 2**32 - 1)


def orthonormal(seed, n, r):
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n, r)))[0]


@given(rank=st.integers(1, 3))
def test_loras_delta_is_s_times_ab_and_of_its_rank(rank):
    base = small_gpt()
    model = moved(LoRA(rank, 5.0, ("mlp.c_fc",)).apply(base, np.random.default_rng(0)))
    deltas = delta_weights(model, base)
    layer = model.h[1].mlp.c_fc
    np.testing.assert_allclose(
        deltas["h.1.mlp.c_fc"], 5.0 / rank * layer.A.data @ layer.B.data, atol=1e-12
    )
    values = singular_values(deltas["h.1.mlp.c_fc"])
    assert (values[rank:] < 1e-12).all() and values[rank - 1] > 1e-6
    assert rank_for(1 - 1e-9, values) <= rank
    assert not deltas["h.1.attn.c_attn"].any(), "no target, no change"


@given(SEEDS, st.integers(1, 4))
def test_the_singular_values_beyond_r_are_what_the_best_rank_r_misses(seed, r):
    delta = np.random.default_rng(seed).standard_normal((6, 4))
    u, s, vt = np.linalg.svd(delta)
    best = (u[:, :r] * s[:r]) @ vt[:r]
    missed = np.sqrt(np.square(singular_values(delta)[r:]).sum())
    np.testing.assert_allclose(np.linalg.norm(delta - best), missed, atol=1e-12)


@given(SEEDS, st.integers(1, 3), st.integers(1, 3))
def test_overlap_is_one_inside_zero_across_and_in_between_otherwise(seed, i, j):
    basis = orthonormal(seed, 9, 9)
    weights, out = np.diag([4.0, 3.0, 2.0, 1.0]), orthonormal(seed + 1, 7, 4).T
    delta = basis[:, :4] @ weights @ out
    across = basis[:, 4:8] @ weights @ out
    turned = basis[:, 1:5] @ weights @ out
    assert overlap(delta, delta, i, j) == pytest.approx(1)
    assert overlap(delta, across, i, j) == pytest.approx(0, abs=1e-12)
    assert -1e-12 < overlap(delta, turned, i, j) < 1 + 1e-12
    assert overlap(delta, turned, 4, 4) == pytest.approx(3 / 4)
    assert overlap(delta, turned, i, j) == pytest.approx(overlap(turned, delta, j, i))


def test_how_many_values_hold_a_share():
    values = np.array([3.0, 2.0, 1.0])  # squared: 9, 4 and 1 of 14
    assert [rank_for(share, values) for share in (0.6, 0.9, 0.99)] == [1, 2, 3]


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"i, j from 1 to 2, got \(3, 2\), \(3, 2\), 1, 3"):
        overlap(np.ones((3, 2)), np.ones((3, 2)), 1, 3)
    base = small_gpt()
    wider = HeadTuning().apply(base, None)
    wider.h.pop()
    with pytest.raises(ValueError, match="differ in their layers: h.1.attn"):
        delta_weights(wider, base)


def test_truncated_keeps_the_first_directions_and_misses_the_others():
    delta = np.random.default_rng(0).normal(size=(6, 9))
    for rank in range(7):
        left = delta - truncated(delta, rank)
        assert np.linalg.norm(left) == pytest.approx(
            np.linalg.norm(singular_values(delta)[rank:]), abs=1e-12
        )
    assert np.linalg.matrix_rank(truncated(delta, 2)) == 2


def test_an_intruder_is_a_large_direction_that_the_base_has_not():
    basis = np.linalg.qr(np.random.default_rng(1).normal(size=(9, 9)))[0]  # rows of the outputs
    left = np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    before = left @ np.diag([5.0, 4, 3, 2, 1]) @ basis[:5]
    new = before + 9.0 * np.outer(left[:, 4], basis[7])
    assert intruders(before, before).size == 0
    assert intruders(before + 9.0 * np.outer(left[:, 4], basis[2]), before).size == 0
    assert intruders(new, before).tolist() == [0]
    assert intruders(new, before, below=0.05).size == 0
    small = before + 0.1 * np.outer(left[:, 4], basis[7])
    assert intruders(small, before, top=4).size == 0


def test_shrunk_multiplies_those_singular_values_alone():
    weight = np.random.default_rng(3).normal(size=(4, 7))
    values = singular_values(weight)
    after = shrunk(weight, [0, 2], 0.1)
    expected = np.sort(values * [0.1, 1, 0.1, 1])[::-1]
    assert singular_values(after) == pytest.approx(expected)
    assert shrunk(weight, [], 0.1) == pytest.approx(weight)
