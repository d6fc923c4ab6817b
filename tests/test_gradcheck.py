"""The checker itself: both forms find a wrong gradient, pass a right one, and touch nothing."""

import numpy as np
import pytest
from hypothesis import given

from helpers.builders import lora_start, moved
from helpers.strategies import cases
from lora_np import Linear
from lora_np.gradcheck import (
    check_directional,
    check_gradients,
    check_objective,
    numerical_gradient,
)
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token


class HalfGradient(Linear):
    def backward(self, dy, cache):
        dx = super().backward(dy, cache)
        self.weight.grad *= 0.5
        return dx


def test_numerical_gradient_of_a_known_function():
    w = np.array([[1.0, 2.0], [3.0, 4.0]])
    np.testing.assert_allclose(numerical_gradient(lambda: float((w**3).sum()), w), 3 * w**2)
    np.testing.assert_array_equal(w, [[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize("check", [check_gradients, check_directional])
@given(case=cases())
def test_a_halved_gradient_is_an_error_of_a_half(check, case):
    broken = HalfGradient(case.array(case.n_in, case.n_out))
    errors = check(broken, case.x())
    assert errors["weight"] > 0.49 and errors["x"] < 1e-7


@given(case=cases())
def test_both_forms_pass_a_right_one(case):
    layer = moved(lora_start)(case)
    for check in (check_gradients, check_directional):
        errors = check(layer, case.x())
        assert set(errors) == {"A", "B", "x"} and max(errors.values()) < 1e-7


@given(case=cases())
def test_nothing_of_the_callers_changes(case):
    layer, x = moved(lora_start)(case), case.x()
    before = [p.data.tobytes() for p in layer.parameters()]
    check_gradients(layer, x)
    check_directional(layer, x)
    assert [p.data.tobytes() for p in layer.parameters()] == before
    assert x.tobytes() == case.x().tobytes()
    assert all(p.grad is None for p in layer.parameters())


def test_float32_is_refused_with_the_way_out():
    layer = Linear(np.ones((2, 3), np.float32))
    with pytest.raises(ValueError, match=r"weight is float32; use .*astype\(np.float64\)"):
        check_gradients(layer, np.ones((4, 2)))
    with pytest.raises(ValueError, match="x is float32"):
        check_gradients(layer.astype(np.float64), np.ones((4, 2), np.float32))


@given(case=cases())
def test_an_objectives_error_is_that_of_its_dlogits(case):
    """A right one passes, one with a third too much is off by a quarter of the larger."""
    batch = next_token(np.arange(6).reshape(2, 3) % case.n_out)
    logits = case.array(2, 2, case.n_out)

    def too_much(logits, batch):
        loss, dlogits = cross_entropy(logits, batch)
        return loss, dlogits * 4 / 3

    assert check_objective(cross_entropy, logits, batch) < 1e-7
    assert abs(check_objective(too_much, logits, batch) - 0.25) < 1e-7
    with pytest.raises(ValueError, match="the logits are float32"):
        check_objective(cross_entropy, logits.astype(np.float32), batch)
