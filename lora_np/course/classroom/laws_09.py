"""Lesson 9: what moves."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from .exercise import Exercise
from .inputs import expect, parts, same, tenths
from .laws_methods import METHOD, OWN
from .laws_shapes import EXERCISES as SHAPES

ADAPTER = Exercise("9.1", "Bottleneck adapter", "implement", answer="adapter", points=4)
GRADIENTS = ("da", "dW_down", "db_down", "dW_up", "db_up")


@st.composite
def bottlenecks(draw):
    """{a, W_down, b_down, W_up, b_up, dy}: rows a (N, d) and an adapter of some width."""
    n, d, width = (draw(st.integers(2, 4), label=name) for name in ("N", "d", "width"))
    seed = draw(st.integers(0, 99), label="seed")
    shapes = {
        "a": (n, d), "W_down": (d, width), "b_down": (width,), "W_up": (width, d), "b_up": (d,),
        "dy": (n, d),
    }  # fmt: skip
    return {name: tenths([seed, i], *shape) for i, (name, shape) in enumerate(shapes.items())}


def output(adapter, *given):
    return parts(adapter(*given), "y", "the five gradients")[0]


def true_output(a, W_down, b_down, W_up, b_up):
    return a + np.tanh(a @ W_down + b_down) @ W_up + b_up


@ADAPTER.law("with W_up = 0 and b_up = 0 it changes nothing: y = a", bottlenecks())
def starts_as_nothing(adapter, a, W_down, b_down, W_up, b_up, dy):
    """The small network's output is added to what came in; it does not replace it."""
    same("y", output(adapter, a, W_down, b_down, 0 * W_up, 0 * b_up, dy), a)


@ADAPTER.law("y = a + tanh(a W_down + b_down) W_up + b_up", bottlenecks())
def forward_is_right(adapter, a, W_down, b_down, W_up, b_up, dy):
    """Down, bend, up; a bias on the way down and one on the way up."""
    given = (a, W_down, b_down, W_up, b_up)
    same("y", output(adapter, *given, dy), true_output(*given))


@ADAPTER.law("the five gradients are the derivatives of Σ dy∘y", bottlenecks())
def gradients_match_differences(adapter, a, W_down, b_down, W_up, b_up, dy):
    """In reverse: undo + b_up, then W_up, then the tanh (its slope is 1 - tanh²), then + b_down,
    then W_down. And a went two ways."""
    given = (a, W_down, b_down, W_up, b_up)
    _, gradients = parts(adapter(*given, dy), "y", "the five gradients")
    for name, x, got in zip(GRADIENTS, given, parts(gradients, *GRADIENTS)):
        true = numerical_gradient(lambda: (true_output(*given) * dy).sum(), x)
        same(name, got, true, 1e-6)


PREFIX = Exercise("9.2", "Prefix", "implement", answer="with_prefix", points=3)


@st.composite
def heads(draw):
    """{q, k, v, prefix_k, prefix_v}: one head's rows (T, hd), and n learned rows before them."""
    T, n, hd = (draw(st.integers(2, 4), label=name) for name in ("T", "n", "hd"))
    seed = draw(st.integers(0, 99), label="seed")
    sizes = {"q": T, "k": T, "v": T, "prefix_k": n, "prefix_v": n}
    return {name: tenths([seed, i], rows, hd) for i, (name, rows) in enumerate(sizes.items())}


def true_prefix(q, k, v, prefix_k, prefix_v):
    T, n = len(q), len(prefix_k)
    scores = q @ np.concatenate([prefix_k, k]).T / np.sqrt(q.shape[1])
    scores = np.where(np.tri(T, n + T, n, dtype=bool), scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True) @ np.concatenate([prefix_v, v])


@PREFIX.law("every position sees the prefix, the first one too", heads())
def prefix_is_seen(with_prefix, q, k, v, prefix_k, prefix_v):
    """Which columns of the scores may be masked: the prefix's, or only those of later tokens?"""
    before = np.asarray(with_prefix(q, k, v, prefix_k, prefix_v))
    after = np.asarray(with_prefix(q, k, v, prefix_k, prefix_v + 1))
    same("the shape", np.zeros(before.shape), np.zeros(q.shape))
    still = [i for i in range(len(q)) if np.array_equal(before[i], after[i])]
    expect(not still, f"the prefix's values moved, but not the outputs at positions {still}")


@PREFIX.law("no position sees a later token", heads())
def later_is_unseen(with_prefix, q, k, v, prefix_k, prefix_v):
    """The causal mask stays, moved by the prefix's length."""
    before = np.asarray(with_prefix(q, k, v, prefix_k, prefix_v))[:-1]
    k, v = k.copy(), v.copy()
    k[-1], v[-1] = 3, -3
    same(
        "earlier outputs after the last token changed",
        np.asarray(with_prefix(q, k, v, prefix_k, prefix_v))[:-1],
        before,
    )


@PREFIX.law("the output is attention over prefix and own tokens together", heads())
def output_is_attention(with_prefix, q, k, v, prefix_k, prefix_v):
    """One softmax over all n + T scores; keys with keys, values with values."""
    got = with_prefix(q, k, v, prefix_k, prefix_v)
    same("the output", got, true_prefix(q, k, v, prefix_k, prefix_v))


DORA = Exercise("9.3", "DoRA's norm", "find the bug", answer="dora", points=4)


@st.composite
def weights(draw):
    """{W, A, B, s, m, dW}: a weight (in, out), factors, lengths m (out,), the gradient of W'."""
    n_in, r = draw(st.integers(2, 4), label="in"), draw(st.integers(1, 2), label="r")
    n_out = n_in if draw(st.booleans(), label="square") else draw(st.integers(2, 5), label="out")
    seed = draw(st.integers(0, 99), label="seed")
    shapes = {
        "W": (n_in, n_out), "A": (n_in, r), "B": (r, n_out), "m": (n_out,), "dW": (n_in, n_out),
    }  # fmt: skip
    drawn = {name: tenths([seed, i], *shape) for i, (name, shape) in enumerate(shapes.items())}
    return {**drawn, "m": np.abs(drawn["m"]), "s": draw(st.sampled_from([0.5, 2.0]), label="s")}


def adapted(dora, W, A, B, s, m, dW):
    weight, gradients = parts(dora(W, A, B, s, m, dW), "W'", "dA, dB, dm")
    return np.asarray(weight), parts(gradients, "dA", "dB", "dm")


@DORA.law("column j of W' is m_j long: one length for each output", weights())
def columns_are_m_long(dora, W, A, B, s, m, dW):
    """W is (in, out): an output's weights are a column. Along which axis is that summed?"""
    weight, _ = adapted(dora, W, A, B, s, m, dW)
    same("the shape of W'", np.zeros(weight.shape), np.zeros(W.shape))
    same("the lengths of the columns of W'", np.linalg.norm(weight, axis=0), m)


@DORA.law("each column of W' points where W + s·A·B points", weights())
def directions_are_v(dora, W, A, B, s, m, dW):
    """The scale belongs inside the direction, with A·B."""
    direction = W + s * A @ B
    weight, _ = adapted(dora, W, A, B, s, m, dW)
    same("W'", weight, m * direction / np.linalg.norm(direction, axis=0))


@DORA.law("dA, dB and dm are derivatives with the norm held constant, as in PEFT", weights())
def gradients_hold_the_norm(dora, W, A, B, s, m, dW):
    """W' is W + s·A·B with a factor m/norm for each column, and only m moves the factor here."""
    norm = np.linalg.norm(W + s * A @ B, axis=0)
    _, got = adapted(dora, W, A, B, s, m, dW)
    for name, x, mine in zip(("dA", "dB", "dm"), (A, B, m), got):
        true = numerical_gradient(lambda: ((W + s * A @ B) * (m / norm) * dW).sum(), x)
        same(name, mine, true, 1e-6)


EXERCISES = [ADAPTER, PREFIX, DORA, METHOD, *SHAPES, OWN]
