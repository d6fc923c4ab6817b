"""The start: the base's own output, and gradients that move."""

import numpy as np

from .law import LOW_RANK, Broken, law


@law(
    "make forward", "neither factor starts at zero (or the first is scaled by the other's start)", 3
)
def it_starts_at_the_base(s, x, W, alpha, rank):
    """ΔW = 0 at the start (Hu et al. 2021, §4.1): fine-tuning begins where pre-training ended."""
    layer = s.make(W, rank, alpha)
    s.same("y of a new layer", s.forward(layer, x), x @ s.base(layer, W))


@law("make forward gradients", "both factors start at zero, so each one's gradient is zero", 3)
def it_starts_ready_to_learn(s, x, W, alpha, rank, dy):
    """One factor starts at zero, the other must not: dA = xᵀ(s·dy·Bᵀ) and dB = s·(xA)ᵀdy both
    vanish where A and B are zero, and no step ever leaves there."""
    gradients = s.gradients(s.make(W, rank, alpha), x, dy)
    learns = {name: np.abs(g).max() for name, g in gradients.items() if name != "x"}
    if learns and not max(learns.values()) > 0:
        raise Broken("the largest gradient of each factor at the start", learns, "one above 0")


@law("make factors", "every direction starts alike, so r of them learn as one", 3, methods=LOW_RANK)
def its_directions_start_apart(s, W, alpha, rank):
    """Columns of A that start equal get equal gradients for ever: rank r works as rank 1."""
    factors = s.factors(s.make(W, rank, alpha))
    A, B = factors["A"], factors["B"]
    found = max(np.linalg.matrix_rank(A), np.linalg.matrix_rank(B))
    s.same("the larger rank of A and B at the start", found, rank, {
        "both factors start at zero": 0,
        "the factor that is not zero is constant": 1,
    })  # fmt: skip


@law("make factors", "a factor is stored transposed, or r is not the rank", 1, methods=LOW_RANK)
def its_factors_have_rank_r(s, W, alpha, rank):
    """A (in, r) and B (r, out) in this kit's orientation: r·(in + out) numbers learn."""
    factors, (n_in, n_out) = s.factors(s.make(W, rank, alpha)), W.shape
    for name, shape in (("A", (n_in, rank)), ("B", (rank, n_out))):
        if np.shape(factors[name]) != shape:
            raise Broken(f"the shape of {name}", str(np.shape(factors[name])), str(shape))


@law("make weight", "W was transposed, copied wrongly, or scaled on its way in", 1)
def it_holds_the_weight_it_was_given(s, W, alpha, rank):
    """The base is W itself (a quantized one has laws of its own)."""
    if not getattr(s.thing, "quantized", False):
        s.same("the frozen weight", s.weight(s.make(W, rank, alpha)), W)


@law("make", "making the layer changed W in place", 1)
def making_it_leaves_W_alone(s, W, alpha, rank):
    """W may be shared with the model, other adapters, or the file it is mapped from."""
    given = W.copy()
    s.thing.make(given, rank, alpha)
    if not np.array_equal(given, W):
        raise Broken("W after make", given, W)
