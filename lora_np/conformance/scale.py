"""The effective weight: W' = W + s·A·B, and what s is."""

import numpy as np

from .drawn import assume, wide_layer
from .law import LOW_RANK, Broken, law

BASIC = "make forward set_factors"


def ratio(branch, product):
    """s in branch ≈ s·product, by least squares."""
    assume((product * product).sum() > 0.01)
    return (branch * product).sum() / (product * product).sum()


@law(BASIC, "the branch is not x times A times B: a factor transposed, or in the other's place",
     3, methods=LOW_RANK)  # fmt: skip
def the_branch_is_a_multiple_of_x_A_B(s, x, W, A, B, alpha):
    """The adapter's part of y is s·xAB and nothing else (Hu et al. 2021, §4.1, eq. 3)."""
    branch, product = s.branch(s.moved(W, A, B, alpha), x, W), x @ A @ B
    guesses = {}
    if A.shape == B.T.shape:
        swapped = x @ B.T @ A.T
        guesses["A and B stand in each other's place, or transposed"] = (
            ratio(branch, swapped) * swapped
        )
    s.same("the branch y - xW", branch, ratio(branch, product) * product, guesses)


@law(BASIC, "the scale is another function of alpha and r", 3, methods=("lora",))
def the_scale_is_alpha_over_r(s, x, W, A, B, alpha):
    """s = α/r (Hu et al. 2021, §4.1): so α need not be tuned anew when r changes."""
    product, r = x @ A @ B, A.shape[1]
    guesses = {
        "alpha itself is the scale: divide it by r": alpha,
        "there is no scale: multiply by alpha / r": 1.0,
        "alpha is not used: the scale is 1/r": 1 / r,
        "divided by the root of r, as rsLoRA does": alpha / np.sqrt(r),
        "the scale is used twice": (alpha / r) ** 2,
        "r and alpha are swapped: r / alpha": r / alpha,
        "alpha is multiplied by r": alpha * r,
    }
    got = ratio(s.branch(s.moved(W, A, B, alpha), x, W), product)
    s.same("the scale s in y - xW = s xAB", got, alpha / r, guesses)


@law(
    BASIC, "the scale is another function of alpha and r", 3, methods=("rslora",), draws=wide_layer
)
def the_scale_of_rslora_is_alpha_over_root_r(s, x, W, A, B, alpha):
    """s = α/√r (Kalajdzievski 2023, arXiv 2312.03732): the branch keeps its size as r grows."""
    product, r = x @ A @ B, A.shape[1]
    guesses = {
        "divided by r: LoRA's own scale": alpha / r,
        "alpha itself is the scale: divide it by the root of r": alpha,
        "multiplied by the root of r": alpha * np.sqrt(r),
    }
    got = ratio(s.branch(s.moved(W, A, B, alpha), x, W), product)
    s.same("the scale s in y - xW = s xAB", got, alpha / np.sqrt(r), guesses)


@law(BASIC, "the scale does not follow r as it should", 3, methods=LOW_RANK)
def zeros_added_to_the_factors_change_nothing(s, x, W, A, B, alpha):
    """A zero column of A with a zero row of B is no direction: with α raised so that s stays as it
    was, the layer stays too. Needs no knowledge of the formula but its dependence on r."""
    r = A.shape[1]
    assume(r < min(W.shape))
    wide_A = np.concatenate([A, np.zeros((len(A), 1))], axis=1)
    wide_B = np.concatenate([B, np.zeros((1, B.shape[1]))])
    raised = alpha * s.scale(1, r) / s.scale(1, r + 1)
    padded = s.forward(s.moved(W, wide_A, wide_B, raised), x)
    s.same("y at r + 1, padded", padded, s.forward(s.moved(W, A, B, alpha), x))


@law(
    BASIC, "alpha is kept from an earlier layer, or only its presence is used", 3, methods=LOW_RANK
)
def twice_alpha_is_twice_the_branch(s, x, W, A, B, alpha):
    """s is linear in α: a branch that ignores α cannot be tuned by it."""
    once = s.branch(s.moved(W, A, B, alpha), x, W)
    s.same("the branch at 2 alpha", s.branch(s.moved(W, A, B, 2 * alpha), x, W), 2 * once)


@law(BASIC, "rows are mixed: an axis was summed, flattened wrongly or broadcast", 2)
def each_row_is_its_own(s, x, W, A, B, alpha):
    """A linear layer treats every row of x alike and alone, whatever axes lead."""
    layer, flat = s.moved(W, A, B, alpha), x.reshape(-1, x.shape[-1])
    y = s.forward(layer, x)
    alone = np.concatenate([s.forward(layer, row[None]) for row in flat])
    s.same("y of all rows together", y, alone.reshape(*x.shape[:-1], -1))


@law(BASIC, "the bias goes through the adapter, is added twice, or is lost", 1,
     settings="bias", methods=LOW_RANK)  # fmt: skip
def the_bias_is_added_once(s, W, A, B, alpha, b):
    """y = xW' + b, so a row of zeros gives b: LoRA changes the weight alone."""
    layer = s.moved(W, A, B, alpha, bias=b)
    guesses = {"the bias is lost": 0 * b, "the bias is added twice": 2 * b}
    s.same("y of a row of zeros", s.forward(layer, np.zeros((1, len(W))))[0], b, guesses)


@law(BASIC, "forward works in place on what it was given", 2)
def the_input_is_left_alone(s, x, W, A, B, alpha):
    """x belongs to the caller, who may need it again: for another layer, or for backward."""
    layer, given = s.moved(W, A, B, alpha), x.copy()
    s.thing.forward(layer, given)
    if not np.array_equal(given, x):
        raise Broken("x after forward", given, x)
