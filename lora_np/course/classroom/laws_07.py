"""Lesson 7: a small GPT."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from .exercise import Exercise
from .inputs import expect, only, parts, same, tenths

LOSS = Exercise("7.1", "Softmax and cross-entropy", "implement", answer="cross_entropy", points=3)


@st.composite
def scores(draw):
    """{z, targets, weights}: logits (N, K), a target and a weight for each row."""
    n, k = draw(st.integers(2, 4), label="N"), draw(st.integers(2, 4), label="K")
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    weights = rng.integers(0, 3, n).astype(float)
    weights[0] = 2.0
    z = rng.standard_normal((n, k)).round(1)
    return {"z": z, "targets": rng.integers(0, k, n), "weights": weights}


def true_loss(z, targets, weights):
    shifted = z - z.max(axis=1, keepdims=True)
    logp = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return -(weights * logp[np.arange(len(z)), targets]).sum() / weights.sum()


def answers(cross_entropy, *given):
    return parts(cross_entropy(*given), "loss", "dz")


@LOSS.law("the loss is the weighted mean of -log p of the targets", scores())
def loss_is_the_weighted_mean(cross_entropy, z, targets, weights):
    """A row of weight 0 does not count, one of weight 2 counts twice; what do you divide by?"""
    same("the loss", answers(cross_entropy, z, targets, weights)[0], true_loss(z, targets, weights))


@LOSS.law("adding a number to a row changes nothing, and ±10,000 stays finite", scores())
def rows_may_be_shifted(cross_entropy, z, targets, weights):
    """e^10000 overflows. Which number can be taken off a row without changing its shares?"""
    loss, dz = answers(cross_entropy, z, targets, weights)
    moved, dmoved = answers(cross_entropy, z + 10_000.0, targets, weights)
    same("the loss of z + 10000", moved, loss, 1e-8)
    same("dz of z + 10000", dmoved, dz, 1e-8)
    far, dfar = answers(cross_entropy, 10_000 * z, targets, weights)
    expect(np.isfinite(far) and np.isfinite(dfar).all(), "not finite at 10,000 times z")


@LOSS.law("each row of dz sums to 0", scores())
def rows_sum_to_zero(cross_entropy, z, targets, weights):
    """Probabilities sum to 1, and so does the target's one-hot row."""
    dz = np.asarray(answers(cross_entropy, z, targets, weights)[1])
    same("dz's shape", np.zeros(dz.shape), np.zeros(z.shape))
    same("the sums of dz's rows", dz.sum(axis=1), np.zeros(len(z)))


@LOSS.law("dz is the derivative of the loss by z", scores())
def dz_matches_differences(cross_entropy, z, targets, weights):
    """The derivative of -log p by z is p minus one-hot; the mean's factors come with it."""
    dz = answers(cross_entropy, z, targets, weights)[1]
    same("dz", dz, numerical_gradient(lambda: true_loss(z, targets, weights), z), 1e-6)


ATTENTION = Exercise("7.2", "Causal attention", "implement", answer="attention", points=4)


@st.composite
def tokens(draw, at_least=2):
    """{q, k, v, dout}: one head, each (T, hd)."""
    shape = draw(st.integers(at_least, 4), label="T"), draw(st.integers(2, 4), label="hd")
    seed = draw(st.integers(0, 99), label="seed")
    return {name: tenths([seed, i], *shape) for i, name in enumerate(("q", "k", "v", "dout"))}


def true_attention(q, k, v):
    scores = q @ k.T / np.sqrt(q.shape[1])
    scores = np.where(np.tri(len(q), len(k), len(k) - len(q), dtype=bool), scores, -np.inf)
    shares = np.exp(scores - scores.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True) @ v


def forward(attention, q, k, v):
    out, _ = parts(attention(q, k, v, np.zeros_like(q)), "out", "the three gradients")
    return out


@ATTENTION.law("the first token sees itself alone: its output is its v", tokens())
def first_token_sees_itself(attention, q, k, v, dout):
    """Is the diagonal left open, and is the mask laid on before the softmax? Masked after it, the
    shares of a row no longer add up to 1."""
    same("out[0]", np.asarray(forward(attention, q, k, v))[0], v[0])


@ATTENTION.law("a later token never changes an earlier output", tokens())
def later_tokens_are_unseen(attention, q, k, v, dout):
    """Query i may look at keys 0 to i. Which triangle is masked?"""
    before = np.asarray(forward(attention, q, k, v))[:-1]
    k, v = k.copy(), v.copy()
    k[-1], v[-1] = 3, -3
    same(
        "earlier outputs after the last token changed",
        np.asarray(forward(attention, q, k, v))[:-1],
        before,
    )


@ATTENTION.law("the output is softmax(q·kᵀ/√hd), masked, times v", tokens())
def output_is_attention(attention, q, k, v, dout):
    """By what are the scores divided: by the root of the head's width, or of something else?"""
    same("out", forward(attention, q, k, v), true_attention(q, k, v))


@ATTENTION.law("dq, dk and dv are the derivatives of the output, times dout", tokens())
def gradients_match_differences(attention, q, k, v, dout):
    """In reverse: out = p v, then p = softmax(z) row by row, then z = q kᵀ/√hd. The softmax
    undone is p∘(dp − Σ dp∘p)."""
    _, gradients = parts(attention(q, k, v, dout), "out", "the three gradients")
    for name, x, got in zip("qkv", (q, k, v), parts(gradients, "dq", "dk", "dv")):
        true = numerical_gradient(lambda: (true_attention(q, k, v) * dout).sum(), x)
        same(f"d{name}", got, true, 1e-6)


CACHE = Exercise("7.3", "Keys and values kept", "implement", answer="step", points=3)


@CACHE.law("keys and values grow by one row, at the end", only(tokens(), "q", "k", "v"))
def rows_are_appended(step, q, k, v):
    """The new token stands last: oldest first."""
    _, keys, values = parts(step(q[-1:], k[-1:], v[-1:], k[:-1], v[:-1]), "out", "keys", "values")
    same("keys", keys, k)
    same("values", values, v)


@CACHE.law("token by token gives what all at once gives", only(tokens(), "q", "k", "v"))
def steps_equal_the_whole(step, q, k, v):
    """The new query sees every key there is, its own too. So what is there to mask?"""
    keys, values, rows = k[:0], v[:0], []
    for i in range(len(q)):
        one = slice(i, i + 1)
        out, keys, values = parts(
            step(q[one], k[one], v[one], keys, values), "out", "keys", "values"
        )
        same(f"the shape of token {i}'s output", np.zeros(np.shape(out)), np.zeros((1, v.shape[1])))
        rows.append(out)
    same("the outputs, one after the other", np.concatenate(rows), true_attention(q, k, v))


SPLIT = Exercise("7.4", "Fused QKV", "find the bug", answer="split", points=3)


@st.composite
def fused(draw):
    """{x, W, H}: tokens (T, d) and the three weights side by side, (d, 3d), for H heads."""
    H, hd = draw(st.integers(1, 3), label="H"), draw(st.integers(2, 3), label="hd")
    seed, T = draw(st.integers(0, 99), label="seed"), draw(st.integers(2, 3), label="T")
    return {"x": tenths([seed, 0], T, H * hd), "W": tenths([seed, 1], H * hd, 3 * H * hd), "H": H}


@SPLIT.law("with one head, q, k and v are the three thirds of the columns", fused())
def thirds_are_q_k_v(split, x, W, H):
    """The order is Q, then K, then V, each d columns wide."""
    qkv = x @ W
    got = parts(split(qkv, 1), "q", "k", "v")
    for name, each, true in zip("qkv", got, np.split(qkv, 3, axis=1)):
        same(name, each, true[None])


@SPLIT.law("head h is the columns h·hd to (h + 1)·hd of x times that third of W", fused())
def heads_are_neighbours(split, x, W, H):
    """First cut in three, then each third into heads. Cutting into heads first mixes q, k and v
    as soon as there are two heads."""
    for name, got, weight in zip(
        "qkv", parts(split(x @ W, H), "q", "k", "v"), np.split(W, 3, axis=1)
    ):
        heads = [x @ columns for columns in np.split(weight, H, axis=1)]
        same(name, got, np.stack(heads))


EXERCISES = [LOSS, ATTENTION, CACHE, SPLIT]
