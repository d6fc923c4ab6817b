"""What hypothesis draws for the exercises, and how a law compares.

A strategy yields a dict {name: array or number}; feedback prints the smallest that fails, so the
numbers have one decimal. Sizes start at 2 (a 1 hides transposes), square ones are drawn on purpose
(they hide swapped factors), α is never r, and no number is zero.
"""

import numpy as np
from hypothesis import strategies as st

from ...conformance.drawn import plain, tenths


class Broken(AssertionError):
    """A law does not hold for this input; the message says what was seen."""


def expect(condition, message):
    """Raises: Broken with `message` unless the condition holds."""
    if not condition:
        raise Broken(message)


def same(what, got, expected, tolerance=1e-9):
    """Raises: Broken unless `got` has the shape of `expected`, and its numbers within `tolerance`.

    The tolerance is relative to the largest expected number, where that is above 1. What was
    expected is never told, only its shape.
    """
    expected = np.asarray(expected)
    if got is None:
        raise Broken(f"{what}: nothing came back (None); is there a `return`?")
    try:
        got = np.asarray(got, dtype=np.result_type(expected, np.float64))
    except (TypeError, ValueError):
        raise Broken(f"{what}: expected numbers, got {str(got)[:80]}") from None
    if got.shape != expected.shape:
        raise Broken(f"{what}: your shape is {got.shape}, expected {expected.shape}")
    if not np.isfinite(got).all():
        raise Broken(f"{what}: your numbers are not all finite: {plain(got)}")
    gap = np.abs(got - expected).max(initial=0)
    if gap > tolerance * max(1, np.abs(expected).max(initial=0)):
        raise Broken(
            f"{what}: the shape {got.shape} is right, the numbers are off by up to "
            f"{gap:.3g}\nyours: {plain(got)}"
        )


def parts(answer, *names):
    """The values that a function returned. Raises: Broken unless there are as many as names."""
    several = isinstance(answer, (tuple, list)) or np.ndim(answer) == 1
    if not several or len(answer) != len(names):
        got = len(answer) if several else type(answer).__name__
        raise Broken(f"expected {len(names)} results ({', '.join(names)}), got {got}")
    return answer


@st.composite
def layers(draw, rank=(1, 3), leading=(1, 3)):
    """{x, W, A, B, alpha, dy} of one LoRA layer: x (..., in), A (in, r), B (r, out).

    `rank` and `leading` are the least and most: of r, and of x's leading axes.
    """
    r = draw(st.integers(*rank), label="rank")
    n_in = draw(st.integers(max(2, r), 4), label="in")
    n_out = n_in if draw(st.booleans(), label="square") else draw(st.integers(max(2, r), 5))
    alpha = draw(st.sampled_from([3.0, 0.5, 7.0]).filter(lambda a: a != r), label="alpha")
    axes = draw(st.lists(st.integers(1, 3), min_size=leading[0], max_size=leading[1]))
    seed = draw(st.integers(0, 99), label="seed")
    return {
        "x": tenths([seed, 1], *axes, n_in),
        "W": tenths([seed, 2], n_in, n_out),
        "A": tenths([seed, 3], n_in, r),
        "B": tenths([seed, 4], r, n_out),
        "alpha": alpha,
        "dy": tenths([seed, 5], *axes, n_out),
    }


def only(strategy, *names):
    """The same strategy, but of these names alone."""
    return strategy.map(lambda drawn: {name: drawn[name] for name in names})
