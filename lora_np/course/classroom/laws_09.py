"""Lesson 9: what moves."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import check_directional, numerical_gradient
from ...methods.targets import merge
from ...nn.gpt import GPT, GPTConfig
from ...objectives import cross_entropy
from ...tasks import next_token
from ...train.optim import AdamW
from .exercise import Exercise
from .inputs import Broken, expect, parts, same, tenths

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


METHOD = Exercise("9.4", "VeRA", "design", answer="VeRA", points=5, apart=False)
CONFIG = GPTConfig(vocab_size=5, n_positions=8, n_embd=6, n_layer=2, n_head=2, n_inner=10)
TARGETS, RANK = ("c_attn", "mlp.c_proj"), 3
COUNT = 2 * (RANK + 18 + RANK + 6)
TOKENS = np.random.default_rng(3).integers(0, 5, (4, 6))


def applied(method, dtype=np.float64):
    rng = np.random.default_rng(0)
    model = GPT(CONFIG, rng, dtype)
    for parameter in model.parameters():
        parameter.data += (0.3 * rng.standard_normal(parameter.shape)).astype(dtype)
    view = method(TARGETS).apply(model, rng)
    if not hasattr(view, "named_parameters"):
        raise Broken(f"apply returns the model with its vectors, got {type(view).__name__}")
    return model, view


def moved(method):
    """A view whose trainable numbers are off their start, where half of the gradients vanish."""
    _, view = applied(method)
    rng = np.random.default_rng(5)
    for parameter in view.trainable_parameters():
        parameter.data += 0.3 * rng.standard_normal(parameter.shape)
    return view


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
    """Which of the two vectors must be 0 for that?"""
    model, view = applied(method)
    same("the logits", view(TOKENS), model(TOKENS), 1e-12)


@METHOD.law("r + out numbers of each target learn, and nothing else")
def only_vectors_learn(method):
    """`begin` freezes the base; a new Parameter learns unless it is told not to."""
    _, view = applied(method)
    learns = sum(p.size for p in view.parameters() if p.trainable)
    expect(learns == COUNT, f"{learns} numbers learn, expected {COUNT} for targets {TARGETS} here")


@METHOD.law("gradients agree with finite differences")
def gradients_are_right(method):
    """Read your forward from its last line to its first. And x went two ways: what does each of
    them send back?"""
    for name, error in check_directional(moved(method), TOKENS).items():
        expect(error < 1e-6, f"the gradient of {name} is off by a relative {error:.2g}")


@METHOD.law("merged into dense weights it answers the same")
def merges(method):
    """x reaches y by one matrix: put every factor into it. A factor for each column of a matrix
    stands on its right."""
    view = moved(method)
    same("the logits", merge(view)(TOKENS), view(TOKENS), 1e-9)


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
