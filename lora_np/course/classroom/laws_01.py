"""Lesson 1: LoRA on six numbers."""

import numpy as np

from ...worked_example.numbers import W
from .exercise import Exercise
from .inputs import Broken, expect, layers, only, parts, same

Y_BY_HAND = Exercise("1.1", "y by hand", "predict and explain", answer="y_by_hand", points=1)


@Y_BY_HAND.law("y = xW, each output the sum of x_i times W's column")
def is_the_product(y):
    """Write the three products of each column with their signs, then add. Two minus signs
    make a plus."""
    x = np.array([1.0, 2.0, -1.0])
    if np.shape(y) == (2,):
        for column, name in enumerate(("y1", "y2")):
            terms = x * W[:, column]
            for i, term in enumerate(terms):
                if abs(y[column] - (terms.sum() - 2 * term)) < 1e-9:
                    raise Broken(f"{name}: a sign is lost in the product of x{i + 1}")
    same("y", y, x @ W)


FORWARD = Exercise("1.2", "LoRA forward", "implement", answer="lora_forward", points=2)


@FORWARD.law("y keeps the shape of xW", only(layers(), "x", "W", "A", "B", "alpha"))
def has_the_shape_of_y(forward, x, W, A, B, alpha):
    """A and B meet in a matrix product: (in, r) with (r, out). `*` multiplies number by number."""
    y = forward(x, W, A, B, alpha)
    expect(y is not None, "nothing came back (None); is there a `return`?")
    expect(
        np.shape(y) == np.shape(x @ W),
        f"y: your shape is {np.shape(y)}, expected {np.shape(x @ W)}",
    )


@FORWARD.law("B = 0 gives the frozen layer, xW", only(layers(), "x", "W", "A", "B", "alpha"))
def starts_as_the_base(forward, x, W, A, B, alpha):
    """The adapter stands beside W, it does not replace it: y has two terms."""
    same("y where B = 0", forward(x, W, A, 0 * B, alpha), x @ W)


@FORWARD.law("y = x(W + s·A·B) with s = alpha/r", only(layers(), "x", "W", "A", "B", "alpha"))
def equals_the_dense_weight(forward, x, W, A, B, alpha):
    """Which number multiplies the adapter's path? It depends on alpha and on the rank, and
    the rank is a length of A."""
    same("y", forward(x, W, A, B, alpha), x @ (W + alpha / A.shape[1] * A @ B))


NEVER_LEARNS = Exercise("1.3", "Never learns", "find the bug", answer="fine_tune", points=3)


def example(rank=1):
    """The lesson's x and target, and a generator; also at rank 2, where nothing else changes."""
    x, target = np.array([[0.2, -0.3, 0.5]]), np.array([[0.54, -0.19]])
    return x, W.copy(), target, rank, 2.0, 0.1, 1000, np.random.default_rng(rank)


@NEVER_LEARNS.law("at the start, A·B = 0: the layer is the frozen one")
def starts_frozen(fine_tune):
    """What must A·B be before the first step, so that nothing has changed yet? One of the two
    factors is enough for that."""
    for rank in (1, 2):
        A0, B0, *_ = parts(fine_tune(*example(rank)), "A0", "B0", "A", "B")
        expect(np.shape(A0) == (3, rank), f"A0: your shape is {np.shape(A0)}, expected {(3, rank)}")
        same(f"A0·B0 at rank {rank}", np.asarray(A0) @ B0, np.zeros((3, 2)), 0)


@NEVER_LEARNS.law("training lowers the loss to less than half")
def learns(fine_tune):
    """dB = s·(xA)ᵀdy and dA = s·xᵀ(dy Bᵀ): put the start into both. Which of them are zero, and
    does the loop use both?"""
    for rank in (1, 2):
        x, W, target, _, alpha, *_ = arguments = example(rank)
        *_, A, B = parts(fine_tune(*arguments), "A0", "B0", "A", "B")
        after = W + alpha / rank * np.asarray(A) @ B
        before, after = (0.5 * ((x @ w - target) ** 2).sum() for w in (W, after))
        expect(after < before / 2, f"rank {rank}: the loss went from {before:.4g} to {after:.4g}")


EXERCISES = [Y_BY_HAND, FORWARD, NEVER_LEARNS]
