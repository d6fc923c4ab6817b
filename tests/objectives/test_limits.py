"""Objectives at the ends of what they allow, in the dtypes they are given, and what they say."""

from dataclasses import replace

import numpy as np
import pytest

from contracts.objective_cases import CASES, labels
from lora_np.objectives import (
    DPO,
    PPO,
    Distillation,
    VerbalizedCrossEntropy,
    cross_entropy,
    group_advantages,
)

RNG = np.random.default_rng


@pytest.mark.parametrize("name", CASES)
def test_float32_logits_are_computed_in_float32(name):
    """The loss is what float32 arrays give, to the bit: nothing widens them on the way."""
    logits, batch = CASES[name](0)
    logits = logits.astype(np.float32)
    single = replace(
        batch,
        **{
            field: getattr(batch, field).astype(np.float32)
            for field in batch.arrays()
            if getattr(batch, field).dtype == np.float64
        },
        total=np.float32(batch.total) if batch.total % 1 else batch.total,
    )
    (loss, dlogits), (expected, dexpected) = (
        CASES[name].objective(logits, b) for b in (replace(batch, total=single.total), single)
    )
    assert loss == expected and dlogits.tobytes() == dexpected.tobytes()


def test_a_verbalizer_may_hold_the_first_and_the_last_token():
    logits, batch = labels(RNG(0))
    K = logits.shape[-1]
    loss, dlogits = VerbalizedCrossEntropy((0, K - 1))(logits, batch)
    expected, dnamed = cross_entropy(logits[..., [0, K - 1]], batch)
    assert loss == expected and np.array_equal(dlogits[..., [0, K - 1]], dnamed)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, b: VerbalizedCrossEntropy((0, 5))(x, b), r"from 0 to 4, got \(0, 5\)"),
        (lambda x, b: VerbalizedCrossEntropy((-1, 2))(x, b), r"from 0 to 4, got \(-1, 2\)"),
        (lambda x, b: VerbalizedCrossEntropy((3,)), r"2 or more different .* got \(3,\)"),
        (lambda x, b: VerbalizedCrossEntropy((3, 1, 3)), r"different .* got \(3, 1, 3\)"),
        (lambda x, b: cross_entropy(x[..., :2], replace(b, targets=b.targets + 1)), "0 to 1, got"),
        (lambda x, b: group_advantages(RNG(0).random(4), np.zeros(4), np.inf, 2), "beta.*got inf"),
        (lambda x, b: group_advantages(np.zeros(4), np.zeros(4), np.nan, 2), "beta.*got nan"),
        (lambda x, b: Distillation(np.inf), "temperature above 0, .* got inf"),
        (lambda x, b: Distillation(hard=-0.1), "hard from 0 to 1, got -0.1"),
        (lambda x, b: DPO(np.inf), "beta above 0, .* got inf"),
        (lambda x, b: DPO(-1.0), "beta above 0, .* got -1.0"),
        (lambda x, b: PPO(float("nan")), "clip above 0, .* got nan"),
    ],
)
def test_errors(call, message):
    logits, batch = labels(RNG(0))
    with pytest.raises(ValueError, match=message):
        call(logits, batch)


def test_advantages_without_a_penalty_and_in_groups_of_two():
    A = group_advantages(np.array([1.0, 3.0, 0.0, -4.0]), np.ones(4), 0, 2)
    assert A.tolist() == [-1, 1, 2, -2]


def test_little_weight_is_weight():
    """Only shares count: with a thousandth of the weights the loss is the same."""
    logits, batch = labels(RNG(0))
    little = replace(batch, weights=batch.weights / 1000, total=None)
    assert 0 < little.total < 1
    for light, whole in zip(cross_entropy(logits, little), cross_entropy(logits, batch)):
        assert np.allclose(light, whole, rtol=1e-12)


def test_one_class_leaves_nothing_to_learn():
    """Masked or not: log 1 = 0, and no gradient."""
    batch = labels(RNG(0))[1]
    loss, dlogits = cross_entropy(np.ones((4, 3, 1)), replace(batch, targets=batch.targets * 0))
    assert (batch.weights == 0).any() and loss == 0 and not dlogits.any()
