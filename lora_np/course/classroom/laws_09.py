"""Lesson 9: what moves."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import check_directional, numerical_gradient
from ...nn.gpt import GPT, GPTConfig
from ...objectives import cross_entropy
from ...tasks import next_token
from ...train.optim import AdamW
from .exercise import Exercise
from .inputs import Broken, expect, parts, same, tenths

ADAPTER = Exercise("9.1", "Bottleneck adapter", "implement", answer="adapter", points=4)
GRADIENTS = ("da", "dD", "db", "dU", "dc")


@st.composite
def bottlenecks(draw):
    """{a, D, b, U, c, dy}: rows a (N, d) and an adapter of some width."""
    n, d, width = (draw(st.integers(2, 4), label=name) for name in ("N", "d", "width"))
    seed = draw(st.integers(0, 99), label="seed")
    shapes = {"a": (n, d), "D": (d, width), "b": (width,), "U": (width, d), "c": (d,), "dy": (n, d)}
    return {name: tenths([seed, i], *shape) for i, (name, shape) in enumerate(shapes.items())}


def output(adapter, a, D, b, U, c, dy):
    return parts(adapter(a, D, b, U, c, dy), "y", "the five gradients")[0]


def true_output(a, D, b, U, c):
    return a + np.tanh(a @ D + b) @ U + c


@ADAPTER.law("with U = 0 and c = 0 it changes nothing: y = a", bottlenecks())
def starts_as_nothing(adapter, a, D, b, U, c, dy):
    """The small network's output is added to what came in; it does not replace it."""
    same("y", output(adapter, a, D, b, 0 * U, 0 * c, dy), a)


@ADAPTER.law("y = a + tanh(aD + b)U + c", bottlenecks())
def forward_is_right(adapter, a, D, b, U, c, dy):
    """Down, bend, up; a bias on the way down and one on the way up."""
    same("y", output(adapter, a, D, b, U, c, dy), true_output(a, D, b, U, c))


@ADAPTER.law("da, dD, db, dU and dc are the derivatives of Σ dy∘y", bottlenecks())
def gradients_match_differences(adapter, a, D, b, U, c, dy):
    """In reverse: undo + c, then gU, then the tanh (its slope is 1 - g²), then + b, then aD. And
    a went two ways."""
    _, gradients = parts(adapter(a, D, b, U, c, dy), "y", "the five gradients")
    given = (a, D, b, U, c)
    for name, x, got in zip(GRADIENTS, given, parts(gradients, *GRADIENTS)):
        true = numerical_gradient(lambda: (true_output(*given) * dy).sum(), x)
        same(name, got, true, 1e-6)


PREFIX = Exercise("9.2", "Prefix", "implement", answer="with_prefix", points=3)


@st.composite
def heads(draw):
    """{q, k, v, prefix_k, prefix_v}: one head's rows (T, hd), and P learned rows before them."""
    T, P, hd = (draw(st.integers(2, 4), label=name) for name in ("T", "P", "hd"))
    seed = draw(st.integers(0, 99), label="seed")
    sizes = {"q": T, "k": T, "v": T, "prefix_k": P, "prefix_v": P}
    return {name: tenths([seed, i], n, hd) for i, (name, n) in enumerate(sizes.items())}


def true_prefix(q, k, v, prefix_k, prefix_v):
    T, P = len(q), len(prefix_k)
    scores = q @ np.concatenate([prefix_k, k]).T / np.sqrt(q.shape[1])
    scores = np.where(np.tri(T, P + T, P, dtype=bool), scores, -np.inf)
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
    """One softmax over all P + T scores; keys with keys, values with values."""
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
    V = W + s * A @ B
    weight, _ = adapted(dora, W, A, B, s, m, dW)
    same("W'", weight, m * V / np.linalg.norm(V, axis=0))


@DORA.law("dA, dB and dm are derivatives with the norm held constant, as in PEFT", weights())
def gradients_hold_the_norm(dora, W, A, B, s, m, dW):
    """W' = c∘V with c = m/‖V‖. Only m moves c here: dV = c∘dW', and V = W + s·A·B."""
    norm = np.linalg.norm(W + s * A @ B, axis=0)
    _, got = adapted(dora, W, A, B, s, m, dW)
    for name, x, mine in zip(("dA", "dB", "dm"), (A, B, m), got):
        true = numerical_gradient(lambda: ((W + s * A @ B) * (m / norm) * dW).sum(), x)
        same(name, mine, true, 1e-6)


METHOD = Exercise(
    "9.4", "A method of your own", "design", answer="OutputScales", points=5, apart=False
)
CONFIG = GPTConfig(vocab_size=5, n_positions=8, n_embd=6, n_layer=2, n_head=2, n_inner=10)
TARGETS, COUNT = ("c_attn", "mlp.c_proj"), 2 * (18 + 6)
TOKENS = np.random.default_rng(3).integers(0, 5, (4, 6))


def applied(method, dtype=np.float64):
    rng = np.random.default_rng(0)
    model = GPT(CONFIG, rng, dtype)
    for parameter in model.parameters():
        parameter.data += (0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    view = method(TARGETS).apply(model, rng)
    if not hasattr(view, "named_parameters"):
        raise Broken(f"apply returns the model with its factors, got {type(view).__name__}")
    return model, view


@METHOD.law("a target that matches nothing is a ValueError")
def targets_must_match(method):
    """matching_linears and wrap, of lora_np.methods.targets, say so for you."""
    try:
        method(("c_atn",)).apply(GPT(CONFIG, np.random.default_rng(0)), np.random.default_rng(0))
    except ValueError:
        return
    raise Broken("the target c_atn matches nothing, and nothing was said")


@METHOD.law("before any training the output is the base's")
def starts_as_the_base(method):
    """By what do you multiply so that nothing changes?"""
    model, view = applied(method)
    same("the logits", view(TOKENS), model(TOKENS), 1e-12)


@METHOD.law("one number for each output of each target learns, and nothing else")
def only_factors_learn(method):
    """`begin` freezes the base; a new Parameter learns unless it is told not to."""
    _, view = applied(method)
    learns = sum(p.size for p in view.parameters() if p.trainable)
    expect(learns == COUNT, f"{learns} numbers learn, expected {COUNT} for targets {TARGETS} here")


@METHOD.law("the factors' gradients agree with finite differences")
def gradients_are_right(method):
    """y = z·l, with z the base layer's output: what is dl, over all rows, and what goes on to z?"""
    _, view = applied(method)
    rng = np.random.default_rng(5)
    for parameter in view.trainable_parameters():
        parameter.data += 0.3 * rng.standard_normal(parameter.shape)
    for name, error in check_directional(view, TOKENS).items():
        expect(error < 1e-6, f"the gradient of {name} is off by a relative {error:.2g}")


@METHOD.law("training lowers the loss and moves no byte of the base")
def learns_with_a_still_base(method):
    """The view shares the base's arrays: nothing may write into them."""
    model, view = applied(method, np.float32)
    before = [p.data.tobytes() for p in model.parameters()]
    batch, losses = next_token(TOKENS), []
    optimizer = AdamW(view.trainable_parameters(), lr=0.05)
    for _ in range(15):
        logits, cache = view.forward(batch.tokens)
        loss, dlogits = cross_entropy(logits, batch)
        view.backward(dlogits, cache)
        optimizer.step()
        losses.append(loss)
    expect(losses[-1] < losses[0], f"the loss goes from {losses[0]:.3f} to {losses[-1]:.3f}")
    after = [p.data.tobytes() for p in model.parameters()]
    expect(before == after, "the model that was handed in has changed")


EXERCISES = [ADAPTER, PREFIX, DORA, METHOD]
