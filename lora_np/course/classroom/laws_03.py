"""Lesson 3: rank, alpha, init."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...methods.low_rank.lora_linear import LoRALinear
from ...nn.linear import Linear
from ...train.optim import SGD, AdamW
from .exercise import Exercise
from .inputs import Broken, expect, layers, parts, same, tenths

BACKWARD = Exercise("3.1", "LoRA backward", "implement", answer="lora_backward", points=3)
LAYER = layers(leading=(1, 1)).map(  # (N, in) rows
    lambda d: {**only_of(d, "x", "W", "A", "B", "dy"), "s": d["alpha"] / d["A"].shape[1]}
)


def only_of(drawn, *names):
    return {name: drawn[name] for name in names}


def derivative(by, x, W, A, B, s, dy):
    """The derivative of Σ dy∘y by one of the arrays, from differences."""
    return numerical_gradient(lambda: ((x @ W + s * (x @ A) @ B) * dy).sum(), by)


@BACKWARD.law("dB is the derivative of the loss by B", LAYER)
def dB_matches_differences(backward, x, W, A, B, s, dy):
    """The line y = xW + s·uB with u = xA. What multiplies B there, and is s among it?"""
    _, dB, _ = parts(backward(x, W, A, B, s, dy), "dA", "dB", "dx")
    same("dB", dB, derivative(B, x, W, A, B, s, dy), 1e-6)


@BACKWARD.law("dA is the derivative of the loss by A", LAYER)
def dA_matches_differences(backward, x, W, A, B, s, dy):
    """First du, the gradient that reaches u: which line of the forward pass does it undo, and
    with which factor? Then u = xA is a plain linear layer."""
    dA, _, _ = parts(backward(x, W, A, B, s, dy), "dA", "dB", "dx")
    same("dA", dA, derivative(A, x, W, A, B, s, dy), 1e-6)


@BACKWARD.law("dx is the derivative of the loss by x", LAYER)
def dx_matches_differences(backward, x, W, A, B, s, dy):
    """x was used twice, by the base and by the adapter: a gradient comes back from each, and
    they add."""
    _, _, dx = parts(backward(x, W, A, B, s, dy), "dA", "dB", "dx")
    same("dx", dx, derivative(x, x, W, A, B, s, dy), 1e-6)


DROPOUT = Exercise("3.2", "Scale and dropout", "find the bug", answer="mended_forward", points=3)


@st.composite
def masked(draw):
    """A layer, and a dropout mask: zeros, and 1/(1 − p) = 2 where a number is kept."""
    drawn = only_of(draw(layers()), "x", "W", "A", "B", "alpha")
    kept = np.random.default_rng(draw(st.integers(0, 99))).random(drawn["x"].shape) < 0.5
    return {**drawn, "mask": 2.0 * kept}


@DROPOUT.law("where the mask drops all of x, y is the base's xW", masked())
def base_path_is_exact(forward, x, W, A, B, alpha, mask):
    """Dropout is there to make the small adapter robust. Which of the two paths may it touch?"""
    same("y where everything is dropped", forward(x, W, A, B, alpha, 0 * mask), x @ W, 1e-12)


@DROPOUT.law("a factor padded with zeros, r doubled, alpha doubled: y stays", masked())
def padding_changes_nothing(forward, x, W, A, B, alpha, mask):
    """Zero columns in A and zero rows in B add nothing to A·B. So y must stay when r and alpha
    double together: what does that say of the scale?"""
    A2 = np.concatenate([A, 0 * A], axis=1)
    B2 = np.concatenate([B, 0 * B], axis=0)
    y = forward(x, W, A, B, alpha, mask)
    same("y of the padded layer", forward(x, W, A2, B2, 2 * alpha, mask), y)


@DROPOUT.law("without dropout, y = x(W + s·A·B) with s = alpha/r", masked())
def scale_is_alpha_over_r(forward, x, W, A, B, alpha, mask):
    """Is it alpha over r, or the other way round? Is r the length of A that B shares?"""
    y = forward(x, W, A, B, alpha, np.ones_like(x))
    same("y", y, x @ (W + alpha / A.shape[1] * A @ B))


@DROPOUT.law("with dropout, the adapter sees x times the mask, and the base sees x", masked())
def mask_is_on_the_adapter(forward, x, W, A, B, alpha, mask):
    """The mask has x's shape. Where is x what the adapter reads?"""
    y = forward(x, W, A, B, alpha, mask)
    same("y", y, x @ W + alpha / A.shape[1] * (x * mask) @ A @ B)


BEST = Exercise("3.3", "Best rank r", "implement", answer="best_of_rank", points=3)


@st.composite
def tables(draw):
    """{D, r}: a table (m, n), and a rank below its smaller side."""
    m, n = draw(st.integers(2, 5), label="m"), draw(st.integers(2, 5), label="n")
    r = draw(st.integers(1, min(m, n) - 1), label="r")
    return {"D": tenths([draw(st.integers(0, 99), label="seed")], m, n), "r": r}


def distance(D, best):
    return np.sqrt(((D - best) ** 2).sum())


@BEST.law("the result has D's shape, and a rank of at most r", tables())
def has_the_rank(best_of_rank, D, r):
    """A sum of r outer products. np.linalg.svd returns Vᵀ, the rows are what you need."""
    best = best_of_rank(D, r)
    same("the result's shape against D's", np.zeros(np.shape(best)), np.zeros(D.shape))
    left = np.linalg.svd(np.asarray(best, dtype=float), compute_uv=False)[r:]
    expect(
        left.max() < 1e-9,
        f"rank {r} was asked for, but singular value {r + 1} of your matrix is {left.max():.3g}",
    )


@BEST.law("its distance to D is √Σσ², over the singular values beyond r", tables())
def distance_is_eckart_youngs(best_of_rank, D, r):
    """Which singular values must be kept so that little is left? Does each of them come in once?"""
    left = np.sqrt((np.linalg.svd(D, compute_uv=False)[r:] ** 2).sum())
    got = distance(D, best_of_rank(D, r))
    if abs(got - left) > 1e-9 * max(1, left):
        raise Broken(f"your matrix is {got:.4g} away from D, the nearest is {left:.4g} away")


@BEST.law("no random matrix of rank r is nearer to D", tables())
def nothing_is_nearer(best_of_rank, D, r):
    """Take your matrix's distance to D, and that of others: yours is the smallest."""
    rng, own = np.random.default_rng(0), distance(D, best_of_rank(D, r))
    for _ in range(5):
        A, (m, n) = rng.standard_normal((D.shape[0], r)), D.shape
        B = np.linalg.lstsq(A, D, rcond=None)[0]  # the best B beside this A
        expect(own <= distance(D, A @ B) + 1e-9, f"a random ({m}, {r})·({r}, {n}) is nearer")


ALPHA = Exercise("3.4", "Alpha as learning rate", "predict and explain", answer="factors", points=3)


def trained(make, alpha, lr_a, lr_b, steps=20):
    """A LoRA layer's effective weight after `steps` on a fixed goal, from the usual start."""
    rng = np.random.default_rng(0)
    W, x = rng.standard_normal((5, 4)), rng.standard_normal((6, 5))
    target = x @ W + 0.1 * rng.standard_normal((6, 4))
    layer = LoRALinear(Linear(W), 2, alpha, rng)
    optimizer = make([{"params": [layer.A], "lr": lr_a}, {"params": [layer.B], "lr": lr_b}])
    for _ in range(steps):
        y, cache = layer.forward(x)
        layer.backward(y - target, cache)
        optimizer.step()
    return layer.effective_weight()


def reaches(make, lr, b_factor, a_factor):
    """Whether α 2 with these factors on the rates ends where α 10 does."""
    goal = trained(make, 10.0, lr, lr)
    gap = np.abs(trained(make, 2.0, lr * float(a_factor), lr * float(b_factor)) - goal).max()
    return gap < 1e-6 * np.abs(goal).max()


def three(factors):
    for factor in parts(factors, "under SGD", "under Adam", "for A"):
        if isinstance(factor, str) or not np.isfinite(factor) or not 0 <= factor <= 1000:
            raise Broken(f"expected three numbers from 0 to 1000, got {factors}")
    return factors


@ALPHA.law("SGD: alpha 2 with your factors ends where alpha 10 ends")
def sgd_agrees(factors):
    """The output depends on sB. B's gradient carries one s, and a step of B moves sB by another.
    A's gradient depends on sB as a whole."""
    sgd, _, for_a = three(factors)
    if not reaches(lambda groups: SGD(groups, lr=0), 1e-3, sgd, for_a):
        raise Broken("two trainings, of your factors and of alpha 10: their weights differ")


@ALPHA.law("Adam: alpha 2 with your factors ends where alpha 10 ends")
def adam_agrees(factors):
    """Adam divides by the size of the gradient: what becomes of the s that the gradient carried,
    and what of the other one?"""
    _, adam, for_a = three(factors)
    if not reaches(lambda groups: AdamW(groups, eps=1e-30), 1e-3, adam, for_a):
        raise Broken("two trainings, of your factors and of alpha 10: their weights differ")


EXERCISES = [BACKWARD, DROPOUT, BEST, ALPHA]
