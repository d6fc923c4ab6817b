"""Gradients by differences, what is frozen, and dropout.

y is linear in A, in B and in x, each by itself: so a central difference with a step of 1 is exact,
and float32 is no obstacle.
"""

import numpy as np

from .law import LOW_RANK, Broken, law

BACKWARD = "make forward set_factors gradients"
SUMMED = "averaged over the rows, where the rows' gradients add"


def slopes(loss, array):
    """(L(w + 1) − L(w − 1)) / 2 for each number w of the array: exact where L is linear in it."""
    result = np.zeros(array.shape)
    for index in np.ndindex(array.shape):
        step = np.zeros(array.shape)
        step[index] = 1
        result[index] = (loss(array + step) - loss(array - step)) / 2
    return result


@law(BACKWARD, "a line of dA = xᵀ(s dy Bᵀ) is wrong", 2, methods=LOW_RANK)
def dA_is_the_derivative(s, x, W, A, B, alpha, dy):
    """dA = xᵀ·(s·dy·Bᵀ), summed over all rows, by differences of L = Σ dy∘y."""
    got = s.gradient(s.moved(W, A, B, alpha), x, dy, "A")
    right = slopes(lambda A: (s.forward(s.moved(W, A, B, alpha), x) * dy).sum(), A)
    s.same("dA", got, right, guesses(s, right, x, alpha, A))


@law(BACKWARD, "a line of dB = s (xA)ᵀ dy is wrong", 2, methods=LOW_RANK)
def dB_is_the_derivative(s, x, W, A, B, alpha, dy):
    """dB = s·(xA)ᵀ·dy, summed over all rows, by differences of L = Σ dy∘y."""
    got = s.gradient(s.moved(W, A, B, alpha), x, dy, "B")
    right = slopes(lambda B: (s.forward(s.moved(W, A, B, alpha), x) * dy).sum(), B)
    s.same("dB", got, right, guesses(s, right, x, alpha, A))


def guesses(s, right, x, alpha, A):
    scale = s.scale(alpha, A.shape[1])
    return {
        "the scale is missing": right / scale,
        "the scale is used twice": right * scale,
        SUMMED: right / (x.size / x.shape[-1]),
        "it is zero: detached, or never computed": 0 * right,
        "the sign is wrong": -right,
    }


@law(BACKWARD, "a path back to x is missing: base and branch both used x", 2, methods=LOW_RANK)
def dx_is_the_derivative(s, x, W, A, B, alpha, dy):
    """dx = dy·Wᵀ + s·dy·Bᵀ·Aᵀ: x went two ways, so its gradients add."""
    layer = s.moved(W, A, B, alpha)
    got, through_base = s.gradient(layer, x, dy, "x"), dy @ s.base(layer, W).T
    right = slopes(lambda x: (s.forward(layer, x) * dy).sum(), x)
    s.same("dx", got, right, {
        "the branch's part is missing": through_base,
        "the base's part is missing": right - through_base,
        "the branch's part lacks the scale": through_base + dy @ B.T @ A.T,
    })  # fmt: skip


@law(BACKWARD, "a gradient is left from the call before", 2)
def gradients_do_not_remember(s, x, W, A, B, alpha, dy):
    """The same call twice gives the same gradients; a training loop clears what it has used."""
    layer = s.moved(W, A, B, alpha)
    once, twice = s.gradients(layer, x, dy), s.gradients(layer, x, dy)
    for name, gradient in once.items():
        s.same(f"d{name} the second time", twice[name], gradient)


@law("make train weight set_factors", "the base still learns: freeze it", 1)
def a_step_leaves_the_base_alone(s, x, W, A, B, alpha, dy):
    """The frozen weight is the same before and after a step, to the last bit."""
    layer = s.moved(W, A, B, alpha)
    before = s.weight(layer)
    s.train(layer, x, dy, 0.1)
    after = s.weight(layer)
    if after.tobytes() != before.tobytes():
        raise Broken("the frozen weight after a step", after, before)


@law("make train factors set_factors", "a factor is frozen, or not among what learns", 1)
def a_step_moves_every_factor(s, x, W, A, B, alpha, dy):
    """Away from the start every factor has a gradient, and a step of descent moves it."""
    layer = s.moved(W, A, B, alpha)
    before = s.factors(layer)
    s.train(layer, x, dy, 0.1)
    for name, after in s.factors(layer).items():
        if np.array_equal(after, before[name]) and np.any(x) and np.any(dy):
            raise Broken(f"{name} after a step", after, "another than before", stuck(name))


def stuck(name):
    return f"{name} does not learn: it is frozen, or the optimizer was not given it"


@law("make train_forward", "dropout acts on the base's path too", 3, settings="dropout")
def dropout_spares_the_base(s, x, W, alpha, rank, seed):
    """x is dropped before A only (Hu et al. 2021, and PEFT): at the start, where the branch is
    zero, dropout changes nothing."""
    layer = s.make(W, rank, alpha, dropout=0.5)
    y = s.train_forward(layer, x, seed)
    s.same("y at the start, with dropout", y, x @ s.base(layer, W), {
        "x is dropped before the base": 2 * x @ s.base(layer, W),
    })  # fmt: skip


@law("make forward set_factors", "dropout is on outside of training", 3, settings="dropout")
def dropout_is_for_training_only(s, x, W, A, B, alpha):
    """What is computed for use is that of a layer without dropout."""
    y = s.forward(s.moved(W, A, B, alpha, dropout=0.5), x)
    s.same("y outside of training", y, s.forward(s.moved(W, A, B, alpha), x))


@law("make train_forward set_factors", "what is kept is not divided by 1 - p", 3,
     settings="dropout", methods=LOW_RANK)  # fmt: skip
def dropout_keeps_the_mean(s, W, A, B, alpha, seed):
    """One of p is dropped and the rest divided by 1 − p, so the mean stays: with a single number in
    x and a single direction, each output is 0 or 1/(1 − p) of what it would be."""
    x, layer = np.eye(len(W))[:1], s.moved(W, A[:, :1], B[:1], alpha, dropout=0.75)
    whole, base = s.branch(layer, x, W), x @ s.base(layer, W)
    for salt in range(8):
        part = s.train_forward(layer, x, seed + salt) - base
        near = [np.isclose(part, k * whole, atol=s.tolerance * 10) for k in (0, 4)]
        if not (near[0] | near[1]).all():
            same = np.isclose(part, whole, atol=s.tolerance * 10)
            told = "nothing is dropped in training" if same.all() else None
            raise Broken("what dropout of 3/4 left, over the whole", part / whole, "0 or 4", told)
