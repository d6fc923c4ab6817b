"""SGD and AdamW against the formulas written out, and their laws."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np import SGD, AdamW, Parameter


def five_steps(w, gradients, lr, beta1, beta2, eps, decay):
    """Loshchilov & Hutter 2019, algorithm 2, number by number."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m = beta1 * m + (1 - beta1) * g
        v = beta2 * v + (1 - beta2) * g * g
        step = (m / (1 - beta1**t)) / ((v / (1 - beta2**t)) ** 0.5 + eps)
        w = w - lr * decay * w - lr * step
    return w


@given(
    seed=st.integers(0, 2**32 - 1),
    lr=st.floats(1e-4, 0.5),
    decay=st.sampled_from([0.0, 0.1]),
    betas=st.sampled_from([(0.9, 0.999), (0.5, 0.7)]),
)
def test_adamw_against_the_formula(seed, lr, decay, betas):
    rng = np.random.default_rng(seed)
    start, gradients = rng.standard_normal((2, 3)), rng.standard_normal((5, 2, 3))
    parameter = Parameter(start.copy())
    optimizer = AdamW([parameter], lr=lr, betas=betas, eps=1e-6, weight_decay=decay)
    for g in gradients:
        parameter.grad = g.copy()
        optimizer.step()
        assert parameter.grad is None, "step also clears the gradient"
    expected = [
        five_steps(w, gs, lr, *betas, 1e-6, decay)
        for w, gs in zip(start.ravel(), gradients.reshape(5, -1).T)
    ]
    np.testing.assert_allclose(parameter.data.ravel(), expected, rtol=1e-10, atol=1e-12)


@given(st.floats(1e-3, 1e3))
def test_adamw_first_step_does_not_see_the_gradients_size(factor):
    """With next to no ε the first step is lr · sign(g), whatever the loss is multiplied by."""
    g = np.array([0.3, -2.0])
    parameter = Parameter(np.zeros(2))
    parameter.grad = factor * g
    AdamW([parameter], lr=0.1, eps=1e-30).step()
    np.testing.assert_allclose(parameter.data, [-0.1, 0.1])


def test_data_is_written_in_place():
    """A view shares the array, so an optimizer must never replace it."""
    for optimizer in (SGD, AdamW):
        parameter = Parameter(np.ones(3, np.float32))
        array = parameter.data
        parameter.grad = np.ones(3, np.float32)
        optimizer([parameter], lr=0.1).step()
        assert parameter.data is array and array.dtype == np.float32 and (array < 1).all()


def test_a_parameter_without_a_gradient_stays():
    used, unused = Parameter(np.ones(2)), Parameter(np.ones(2))
    optimizer = AdamW([used, unused], lr=0.1, weight_decay=0.5)
    used.grad = np.ones(2)
    optimizer.step()
    assert (unused.data == 1).all() and (used.data != 1).all()


def test_groups_and_rate():
    slow, fast = Parameter(np.zeros(1)), Parameter(np.zeros(1))
    optimizer = SGD([{"params": [slow]}, {"params": [fast], "lr": 2.0}], lr=1.0)
    optimizer.rate = 0.5
    slow.grad = fast.grad = np.ones(1)
    optimizer.step()
    assert (slow.data[0], fast.data[0]) == (-0.5, -1.0)


@given(seed=st.integers(0, 2**32 - 1), before=st.integers(1, 3), after=st.integers(1, 3))
def test_state_written_into_another_optimizer_resumes_it(seed, before, after):
    """An optimizer that is given the state goes on bit for bit as the one it came from would."""
    gradients = np.random.default_rng(seed).standard_normal((before + after, 2, 3))
    unbroken, resumed = Parameter(np.ones((2, 3))), Parameter(np.ones((2, 3)))
    first, second = AdamW([unbroken]), AdamW([resumed])
    for step, g in enumerate(gradients):
        if step == before:
            resumed.data[...] = unbroken.data
            assert {name: a.dtype for name, a in first.state().items()} == {
                "t": np.int64,
                "m.0": np.float64,
                "v.0": np.float64,
            }
            for name, array in second.state().items():
                array[...] = first.state()[name]
        for parameter, optimizer in ((unbroken, first), (resumed, second)):
            if parameter is unbroken or step >= before:
                parameter.grad = g.copy()
                optimizer.step()
    assert unbroken.data.tobytes() == resumed.data.tobytes()


def test_defaults_are_torchs():
    """lr 1e-3, β (0.9, 0.999), ε 1e-8 (which a gradient of 1e-7 feels), no decay."""
    plain, spelled = Parameter(np.ones(2)), Parameter(np.ones(2))
    optimizers = [
        AdamW([plain]),
        AdamW([spelled], lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0),
    ]
    for g in ([1e-7, 2e-7], [3e-7, -1e-7]):
        for parameter, optimizer in zip((plain, spelled), optimizers):
            parameter.grad = np.array(g)
            optimizer.step()
    assert plain.data.tobytes() == spelled.data.tobytes() and (plain.data != 1).all()


def test_a_rate_of_zero_moves_nothing():
    """As at the very start of a warm-up, or for a group that rests."""
    for optimizer in (SGD, AdamW):
        parameter = Parameter(np.ones(2))
        parameter.grad = np.ones(2)
        optimizer([parameter], lr=0).step()
        assert (parameter.data == 1).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: SGD([], 0.1), "no parameters"),
        (lambda p: SGD([p, p], 0.1), "a parameter twice"),
        (lambda p: SGD([Parameter(np.ones(2), trainable=False)], 0.1), "a frozen parameter"),
        (lambda p: SGD([p], -0.1), "lr from 0, .* got -0.1"),
        (lambda p: AdamW([p], float("nan")), "lr from 0, .* got nan"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make(Parameter(np.ones(2)))
