"""Lesson 9b: the shapes of ΔW."""

import numpy as np
from hypothesis import strategies as st

from ... import methods
from ...gradcheck import numerical_gradient
from ...nn.linear import Linear
from ...nn.module import Module
from .exercise import Exercise
from .inputs import parts, same, tenths

COUNT = Exercise("9.5", "Count the numbers", "implement", answer="counts", points=3)
CIRCULANT = Exercise("9.6", "A circulant change", "implement", answer="circulant", points=4)
STRUCTURES = "LoRA", "VeRA", "LoHa", "MiSS", "OFT", "C3A"


@st.composite
def sizes(draw):
    """{n_in, n_out, r, b}: a weight (in, out), a rank, and a block that divides both."""
    b, r = draw(st.integers(2, 4), label="b"), draw(st.integers(1, 3), label="r")
    n_in, n_out = (b * draw(st.integers(2, 4), label=name) for name in ("in/b", "out/b"))
    return {"n_in": n_in, "n_out": n_out, "r": r, "b": b}


class OneLayer(Module):
    def __init__(self, n_in, n_out):
        self.layer = Linear(np.ones((n_in, n_out)))


def real_counts(n_in, n_out, r, b):
    """Of the package's own layers, what learns."""
    made = (
        methods.LoRA(r, r, "all-linear"), methods.VeRA(r), methods.LoHa(r, r), methods.MiSS(r),
        methods.OFT(b), methods.C3A(b),
    )  # fmt: skip
    rng = np.random.default_rng(0)
    models = [method.apply(OneLayer(n_in, n_out), rng) for method in made]
    return [sum(p.size for p in model.trainable_parameters()) for model in models]


HINTS = {
    "LoRA": "Two thin factors: which sizes has each?",
    "VeRA": "The factors are frozen. One number for each column between them, one for each output.",
    "LoHa": "Two products of LoRA's kind, each of this rank.",
    "MiSS": "r rows of ΔW, which all others repeat.",
    "OFT": "Only what stands above the diagonal of each block is free.",
    "C3A": "One row for each block of b by b: how many blocks are there?",
}


def holds(place, structure):
    def law(counts, **drawn):
        got = parts(counts(**drawn), *STRUCTURES)
        same(f"the numbers of {structure}", got[place], real_counts(**drawn)[place])

    law.__doc__ = HINTS[structure]
    return law


for place, structure in enumerate(STRUCTURES):
    COUNT.law(f"{structure} has as many numbers as learn in the package's", sizes())(
        holds(place, structure)
    )


@st.composite
def blocks(draw):
    """{x, row, dy}: rows x (N, b), the numbers of a circulant block (b,), the gradient of y."""
    n, b = draw(st.integers(1, 3), label="N"), draw(st.integers(3, 5), label="b")
    seed = draw(st.integers(0, 99), label="seed")
    return {
        "x": tenths([seed, 0], n, b), "row": tenths([seed, 1], b), "dy": tenths([seed, 2], n, b),
    }  # fmt: skip


def dense(row):
    """ΔW_kj = row[(k − j) mod b]"""
    places = np.arange(len(row))
    return row[(places[:, None] - places) % len(row)]


@CIRCULANT.law("y = x·ΔW with ΔW_kj = row[(k - j) mod b]", blocks())
def product_is_right(circulant, x, row, dy):
    """Write ΔW for b = 3 on paper: each row is the one above it, moved on by one place."""
    y, _ = parts(circulant(x, row, dy), "y", "the two gradients")
    same("y", y, x @ dense(row))


@CIRCULANT.law("dx is the derivative of Σ dy∘y", blocks())
def hands_down_the_right_gradient(circulant, x, row, dy):
    """x met ΔW, so its gradient meets ΔW transposed: which way round does that one's row go?"""
    _, gradients = parts(circulant(x, row, dy), "y", "the two gradients")
    dx, _ = parts(gradients, "dx", "drow")
    same("dx", dx, numerical_gradient(lambda: ((x @ dense(row)) * dy).sum(), x), 1e-6)


@CIRCULANT.law("drow is the derivative of Σ dy∘y", blocks())
def one_row_stands_in_many_places(circulant, x, row, dy):
    """Each number of the row stands at b places of ΔW: its gradient is a sum over them."""
    _, gradients = parts(circulant(x, row, dy), "y", "the two gradients")
    _, drow = parts(gradients, "dx", "drow")
    same("drow", drow, numerical_gradient(lambda: ((x @ dense(row)) * dy).sum(), row), 1e-6)


EXERCISES = [COUNT, CIRCULANT]
