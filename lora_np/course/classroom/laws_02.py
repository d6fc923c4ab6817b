"""Lessons 2 and 2b: backprop without magic."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...nn.module import Parameter
from ...train.optim import AdamW
from .exercise import Exercise
from .inputs import expect, layers, only, parts, same, tenths
from .laws_testing import EXERCISES as TESTING

BACKWARD = Exercise("2.1", "Linear backward", "implement", answer="linear_backward", points=3)
LINEAR = only(layers(), "x", "W", "dy")


@BACKWARD.law("dx is the derivative of the loss by x", LINEAR)
def dx_matches_differences(backward, x, W, dy):
    """dx has x's shape. Which factor turns (..., out) into (..., in), and on which side?
    A square W hides a missing transpose from the shapes, but not from the numbers."""
    dx = backward(x, W, dy, np.zeros_like(W))
    same("dx", dx, numerical_gradient(lambda: (x @ W * dy).sum(), x), 1e-6)


@BACKWARD.law("dW is the derivative of the loss by W, summed over all rows of x", LINEAR)
def dW_matches_differences(backward, x, W, dy):
    """Every row used the same W, so their gradients add (no mean). With more leading axes, first
    flatten: one row a token. Is the result written into dW itself?"""
    dW = np.zeros_like(W)
    backward(x, W, dy, dW)
    same("dW", dW, numerical_gradient(lambda: (x @ W * dy).sum(), W), 1e-6)


@BACKWARD.law("two backward passes add their gradients", LINEAR)
def gradients_accumulate(backward, x, W, dy):
    """A large batch may come in parts: a gradient is added to what is there."""
    once, twice = np.zeros_like(W), np.zeros_like(W)
    backward(x, W, dy, once)
    backward(x, W, dy, twice)
    backward(x, W, dy, twice)
    same("dW after two passes", twice, 2 * once)


ADAMW = Exercise("2.2", "AdamW", "implement", answer="adamw_step", points=3)


@st.composite
def descents(draw):
    """{w, gradients, lr, decay}: a weight (n,), five gradients (5, n)."""
    n, seed = draw(st.integers(2, 3), label="n"), draw(st.integers(0, 99), label="seed")
    return {
        "w": tenths([seed, 1], n),
        "gradients": tenths([seed, 2], 5, n),
        "lr": draw(st.sampled_from([0.1, 0.01]), label="lr"),
        "decay": draw(st.sampled_from([0.0, 0.5]), label="decay"),
    }


def walk(step, w, gradients, lr, decay, eps=1e-8):
    """The weights after each step of the student's `step`, k = 1, 2, …"""
    path, m, v = [], np.zeros_like(w), np.zeros_like(w)
    for k, g in enumerate(gradients, start=1):
        result = step(w.copy(), g.copy(), m, v, k, lr, 0.9, 0.999, eps, decay)
        w, m, v = (np.array(part) for part in parts(result, "w", "m", "v"))
        path.append(w)
    return path


@ADAMW.law("without decay, the first step is lr long, whatever the gradient's size", descents())
def first_step_has_one_length(step, w, gradients, lr, decay):
    """m and v start at zero, so after k steps they are too small by a known factor, another one
    for each. What is left of g when the corrected m is divided by the root of the corrected v?"""
    for scale in (1.0, 1000.0):
        (moved,) = walk(step, w, scale * gradients[:1], lr, 0.0, eps=1e-30)
        same(
            f"|w - w before| with gradients times {scale:g}",
            np.abs(moved - w),
            np.full_like(w, lr),
            1e-7,
        )


@ADAMW.law("decay shrinks every weight alike, whatever its gradient", descents())
def decay_is_decoupled(step, w, gradients, lr, decay):
    """The W in AdamW: decay takes its share off the weight as it was before the step. If the
    share depends on the gradient's size, decay went through m and v; if it is a little off for
    every weight, it came after the step."""
    (decayed,) = walk(step, w, gradients[:1], lr, 0.5)
    (plain,) = walk(step, w, gradients[:1], lr, 0.0)
    same(
        "what decay 0.5 took off, as a share of w", (plain - decayed) / w, np.full_like(w, 0.5 * lr)
    )


@ADAMW.law("five steps equal algorithm 2 of Loshchilov and Hutter", descents())
def equals_the_reference(step, w, gradients, lr, decay):
    """Return the new w, m and v, for the next step starts from them. k is 1 at the first step."""
    reference = Parameter(w.copy())
    optimizer = AdamW([reference], lr=lr, weight_decay=decay)
    for k, (g, moved) in enumerate(zip(gradients, walk(step, w, gradients, lr, decay)), start=1):
        reference.grad = g.copy()
        optimizer.step()
        same(f"w after step {k}", moved, reference.data, 1e-7)


CACHES = Exercise(
    "2.3",
    "Two forwards, one backward",
    "find the bug",
    answer="MendedLinear",
    points=3,
    apart=False,
)


@CACHES.law("one forward, one backward: y = xW, dx = dy Wᵀ, dW = xᵀdy", LINEAR)
def one_pass_is_right(make, x, W, dy):
    """First the plain case: what forward returns is (y, cache), and backward gets that cache."""
    layer = make(W.copy())
    y, cache = parts(layer.forward(x), "y", "cache")
    same("y", y, x @ W)
    same("dx", layer.backward(dy, cache), dy @ W.T)
    flat = x.reshape(-1, x.shape[-1])
    same("dW", layer.dW, flat.T @ dy.reshape(len(flat), -1))


@CACHES.law("each cache gives its own gradients, in any order", LINEAR)
def caches_are_independent(make, x, W, dy):
    """Two forwards, then the backward of the first. What does the cache hold then: a value of its
    own, or something that the second forward has written to?"""
    for first in (0, 1):
        layer, inputs = make(W.copy()), [x, 10 * x + 1]
        caches = [parts(layer.forward(each.copy()), "y", "cache")[1] for each in inputs]
        layer.backward(dy, caches[first])
        flat = inputs[first].reshape(-1, x.shape[-1])
        same(
            f"dW from the cache of forward {first + 1} of 2",
            layer.dW,
            flat.T @ dy.reshape(len(flat), -1),
        )


@CACHES.law("backward passes add up", LINEAR)
def passes_add_up(make, x, W, dy):
    """dW starts at zero when the layer is made, and every backward pass adds to it."""
    layer, once = make(W.copy()), make(W.copy())
    once.backward(dy, parts(once.forward(x), "y", "cache")[1])
    expect(np.any(once.dW), "dW is zero after a backward pass")
    for _ in range(2):
        layer.backward(dy, parts(layer.forward(x), "y", "cache")[1])
    same("dW after two passes", layer.dW, 2 * once.dW)


EXERCISES = [BACKWARD, ADAMW, CACHES, *TESTING]
