"""One layer's numbers: which directions of A·B work, and which add nothing of their own."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.analysis.layer_numbers import delta_of, directions

SEEDS = st.integers(0, 2**32 - 1)


def factors(seed, r=4):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(7, r)), rng.normal(size=(r, 5))


@given(SEEDS, st.sets(st.integers(0, 3)), st.sets(st.integers(0, 3)))
def test_a_direction_is_dead_where_its_column_of_a_or_its_row_of_b_is_zero(seed, columns, rows):
    A, B = factors(seed)
    A[:, list(columns)], B[list(rows)] = 0, 0
    found = directions(A, B, 1.5)
    assert found["dead"] == sorted(columns | rows) and found["twins"] == []
    assert found["rank"] == 4 and found["works"] == np.linalg.matrix_rank(A @ B)
    assert found["size"] == pytest.approx(1.5 * np.linalg.norm(A @ B))
    assert found["most"] <= found["works"]


@given(SEEDS, st.integers(1, 3), st.sampled_from([-3.0, 1.0, 1e-3]))
def test_a_column_that_is_anothers_multiple_is_its_twin(seed, second, factor):
    A, B = factors(seed)
    A[:, second] = factor * A[:, 0]
    found = directions(A, B, 2.0)
    assert found["twins"] == [second] and found["dead"] == [] and found["works"] == 3


@given(SEEDS)
def test_doras_lengths_are_those_of_the_changed_weights_columns(seed):
    (A, B), W = factors(seed), np.random.default_rng(seed + 1).normal(size=(7, 5))
    m = np.arange(1.0, 6)
    new = W + delta_of({"A": A, "B": B, "m": m}, 0.5, W)
    np.testing.assert_allclose(np.linalg.norm(new, axis=0), m)
    np.testing.assert_allclose(new / m, (V := W + 0.5 * A @ B) / np.linalg.norm(V, axis=0))
    np.testing.assert_allclose(delta_of({"A": A, "B": B}, 0.5, W), V - W)
