"""The laws of everything that stands where a Linear stood, as functions (build, case).

`build(case)` makes a float64 layer (case.n_in, case.n_out) whose trainable numbers are not at
their special starting values. test_contract.py draws the cases; test_mutants.py breaks the
maths on purpose and shows that some law fails.
"""

import numpy as np

from lora_np.gradcheck import check_gradients

TOLERANCE = 1e-7  # the promised bound on a relative gradient error in float64


def close(got, expected, what, tolerance=1e-12):
    scale = max(np.abs(expected).max(initial=0), 1.0)
    gap = np.abs(got - expected).max(initial=0)
    assert got.shape == expected.shape, f"{what}: shape {got.shape}, expected {expected.shape}"
    assert gap <= tolerance * scale, f"{what}: differs by {gap:.3g}"


def gradients(layer):
    return {name: p.grad for name, p in layer.named_parameters() if p.trainable}


def frozen_bytes(layer):
    return {name: p.data.tobytes() for name, p in layer.named_parameters() if not p.trainable}


def backward_of(layer, x, dy, **options):
    """A fresh view's dx and gradients for one forward and backward."""
    view = layer.view()
    _, cache = view.forward(x, **options)
    dx = view.backward(dy.copy(), cache)
    return dx, gradients(view)


def effective_weight(build, case):
    """layer(x) = x·W' + b', with W' the layer's effective weight (in, out)."""
    layer, x = build(case), case.x()
    weight, bias = layer.effective_weight(), layer.effective_bias()
    assert weight.shape == (case.n_in, case.n_out)
    close(layer(x), x @ weight + (0 if bias is None else bias), "layer(x) against x W' + b'", 1e-11)


def merge_equals_layer(build, case):
    """layer.merge()(x) = layer(x), and the merged layer shares no memory with this one."""
    layer, x = build(case), case.x()
    merged = layer.merge()
    close(merged(x), layer(x), "merged against layer", 1e-11)
    for _, p in layer.named_parameters():
        assert not np.shares_memory(p.data, merged.weight.data), "merge shares the weight"


def gradients_match_differences(build, case):
    """Every gradient, of parameters and of x, agrees with central differences.

    What a method declares constant in its backward pass (DoRA's norm) is held at its value, so
    the law is about the formula that backward claims to undo, and is no weaker.
    """
    layer = build(case)
    for name, error in check_gradients(layer, case.x(), **layer.constants()).items():
        assert error <= TOLERANCE, f"gradient of {name}: relative error {error:.3g}"


def gradients_accumulate(build, case):
    """Two backward passes add their gradients."""
    layer, x, dy = build(case), case.x(), case.dy()
    _, once = backward_of(layer, x, dy)
    _, cache = layer.forward(x)
    layer.backward(dy.copy(), cache)
    _, cache = layer.forward(x)
    layer.backward(dy.copy(), cache)
    for name, grad in gradients(layer).items():
        close(grad, 2 * once[name], f"accumulated gradient of {name}")


def caches_are_independent(build, case):
    """Two forwards, then two backwards in the other order: each cache gives its own gradients."""
    layer, x1, x2 = build(case), case.x(salt=1), case.x(salt=3)
    dx1, grads1 = backward_of(layer, x1, case.dy())
    dx2, grads2 = backward_of(layer, x2, case.dy(salt=4))
    _, cache1 = layer.forward(x1)
    _, cache2 = layer.forward(x2)
    close(layer.backward(case.dy(salt=4), cache2), dx2, "dx of the second forward")
    close(layer.backward(case.dy(), cache1), dx1, "dx of the first forward")
    for name, grad in gradients(layer).items():
        close(grad, grads1[name] + grads2[name], f"gradient of {name}")


def frozen_stays_frozen(build, case):
    """A step on what trains leaves every frozen byte, and no frozen parameter gets a gradient."""
    layer = build(case)
    before = frozen_bytes(layer)
    _, cache = layer.forward(case.x())
    layer.backward(case.dy(), cache)
    for name, p in layer.named_parameters():
        if p.trainable:
            assert p.grad is not None, f"{name} trains and got no gradient"
            p.data -= 0.1 * p.grad
        else:
            assert p.grad is None, f"{name} is frozen and got a gradient"
    assert frozen_bytes(layer) == before, "a frozen parameter changed"


def base_is_frozen(build, case):
    """What a layer wraps is frozen: nothing of it learns, and so nothing of it is kept for dW."""
    layer = build(case)
    if "base" in vars(layer):
        learns = [name for name, p in layer.base.named_parameters() if p.trainable]
        assert not learns, f"{type(layer).__name__} leaves its base's {learns} to learn: freeze()"


def output_is_linear(build, case):
    """layer(a·x₁ + c·x₂) − layer(0) = a·(layer(x₁) − layer(0)) + c·(layer(x₂) − layer(0))."""
    layer, x1, x2 = build(case), case.x(salt=1), case.x(salt=3)
    zero = layer(np.zeros_like(x1))
    left = layer(0.5 * x1 - 2.0 * x2) - zero
    close(left, 0.5 * (layer(x1) - zero) - 2.0 * (layer(x2) - zero), "linearity in x", 1e-11)


def dx_can_be_left_out(build, case):
    """Where nothing below learns there is no dx, and every gradient is what it was."""
    layer, x, dy = build(case), case.x(), case.dy()
    _, expected = backward_of(layer, x, dy)
    _, cache = layer.forward(x)
    assert layer.backward(dy.copy(), cache, below_trains=False) is None
    for name, grad in gradients(layer).items():
        close(grad, expected[name], f"gradient of {name} without dx", 0)


def inputs_are_left_alone(build, case):
    """Neither forward nor backward writes to x or dy."""
    layer, x, dy = build(case), case.x(), case.dy()
    _, cache = layer.forward(x)
    layer.backward(dy, cache)
    close(x, case.x(), "x after backward", 0)
    close(dy, case.dy(), "dy after backward", 0)


LAWS = [
    effective_weight,
    merge_equals_layer,
    gradients_match_differences,
    gradients_accumulate,
    caches_are_independent,
    frozen_stays_frozen,
    base_is_frozen,
    output_is_linear,
    inputs_are_left_alone,
    dx_can_be_left_out,
]
# A mutant breaks the maths and need not know of the option to leave dx out.
MUTANTS_LAWS = LAWS[:-1]
