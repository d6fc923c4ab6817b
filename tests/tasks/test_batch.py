"""Batches: what the constructors mask, and that shards lose nothing and part no group."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tasks import Batch, classification, next_token


@dataclass(eq=False)
class WithTeacher(Batch):
    teacher: np.ndarray
    temperature: float = 2.0


def with_teacher(B, group=1):
    tokens = np.arange(B * 2).reshape(B, 2)
    teacher = np.arange(B * 6.0).reshape(B, 2, 3)
    return WithTeacher(tokens, tokens + 1, np.ones((B, 2)) * tokens, teacher, group=group)


@given(groups=st.integers(1, 6), group=st.integers(1, 3), n=st.integers(1, 8))
def test_split(groups, group, n):
    """In order, all there, about equal, each with the whole's total, extra fields cut as well."""
    batch = with_teacher(groups * group, group)
    shards = batch.split(n)
    for name in ("tokens", "targets", "weights", "teacher"):
        joined = np.concatenate([getattr(shard, name) for shard in shards])
        assert np.array_equal(joined, getattr(batch, name))
    sizes = [len(shard) for shard in shards]
    assert len(shards) == min(n, groups) and all(size and size % group == 0 for size in sizes)
    assert max(sizes) - min(sizes) <= group
    assert {(type(s), s.total, s.temperature, s.group) for s in shards} == {
        (WithTeacher, batch.weights.sum(), 2.0, group)
    }


def test_next_token():
    batch = next_token(np.array([[5, 6, 7, 8], [1, 2, 9, 9]]), lengths=[4, 2])
    assert np.array_equal(batch.tokens, [[5, 6, 7], [1, 2, 9]])
    assert np.array_equal(batch.targets, [[6, 7, 8], [2, 9, 9]])
    assert np.array_equal(batch.weights, [[1, 1, 1], [1, 0, 0]]) and batch.total == 4
    assert next_token(np.zeros((2, 3), int)).total == 4


def test_classification():
    batch = classification(np.array([[5, 6, 7], [1, 9, 9]]), [3, 1], [2, 4])
    assert batch.tokens.shape == (2, 3) and batch.total == 2
    assert np.array_equal(batch.targets * batch.weights, [[0, 0, 2], [4, 0, 0]])
    assert np.array_equal(batch.weights, [[0, 0, 1], [1, 0, 0]])


ONES = np.ones((2, 3), int)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Batch(ONES, ONES, np.ones((2, 2))), r"\(B, T\), got \[\(2, 3\), \(2, 3\), \(2, 2"),
        (lambda: Batch(ONES, ONES, np.full((2, 3), np.nan)), "expected finite weights"),
        (lambda: Batch(ONES, ONES, ONES, group=4), "2 sequences are no multiple of 4"),
        (lambda: WithTeacher(ONES, ONES, ONES, np.ones((3, 1))), "teacher for 2 sequences, got 3"),
        (lambda: next_token(np.ones((2, 1), int)), r"\(B, 2 or more\), got \(2, 1\)"),
        (lambda: next_token(ONES, [3]), r"2 lengths from 1 to 3, got \[3\]"),
        (lambda: next_token(ONES, [3, 4]), r"2 lengths from 1 to 3, got \[3 4\]"),
        (lambda: classification(ONES, [0, 3], [0, 1]), r"2 lengths from 1 to 3, got \[0 3\]"),
        (lambda: classification(ONES, [3, 3], [0.5, 1]), r"got \(2, 3\) and float64 \(2,\)"),
    ],
)
def test_errors(build, message):
    with pytest.raises(ValueError, match=message):
        build()
