"""DoRA: W' = m∘V/‖V‖, V = W + s·A·B, one length and one norm for each output unit."""

import numpy as np

from .law import law

DORA = {"lesson": 9, "methods": ("dora",)}
MOVED = "make forward factors set_factors"
AXIS = "the norm runs over output units in place of inputs: the wrong axis"


def parts(s, layer, W, A, B, alpha):
    """m (out,), V (in, out) and ‖V‖ (out,) of a layer."""
    V = s.base(layer, W) + s.scale(alpha, A.shape[1]) * A @ B
    return s.factors(layer)["m"].reshape(-1), V, np.sqrt((V * V).sum(axis=0))


@law("make factors", AXIS, **DORA)
def lengths_start_as_the_weights_norms(s, W, alpha, rank):
    """m starts as ‖W‖, the norm of each output unit's inputs (Liu et al. 2024, §4.1)."""
    layer = s.make(W, rank, alpha)
    base = s.base(layer, W)
    guesses = {"they start at 1": np.ones(W.shape[1])}
    if W.shape[0] == W.shape[1]:
        guesses[AXIS] = np.sqrt((base * base).sum(axis=1))
    right = np.sqrt((base * base).sum(axis=0))
    s.same("m of a new layer", s.factors(layer)["m"].reshape(-1), right, guesses)


@law(MOVED, AXIS, **DORA)
def each_units_weight_is_m_long(s, W, A, B, alpha):
    """‖W'_j‖ = m_j for each output unit: that is what the length is for."""
    layer = s.moved(W, A, B, alpha)
    weight = s.forward(layer, np.eye(len(W)))  # row i of W' is what a one at input i gives
    s.same("‖W'‖ of each unit", np.sqrt((weight * weight).sum(axis=0)),
           np.abs(parts(s, layer, W, A, B, alpha)[0]))  # fmt: skip


@law(MOVED, "the direction is not that of W + s·A·B", **DORA)
def the_direction_is_that_of_V(s, x, W, A, B, alpha):
    """y = x·(m∘V/‖V‖) with V = W + s·A·B (Liu et al. 2024, eq. 5)."""
    layer = s.moved(W, A, B, alpha)
    m, V, norm = parts(s, layer, W, A, B, alpha)
    first = s.base(layer, W)
    s.same("y", s.forward(layer, x), x @ (V * (m / norm)), {
        "divided by the norm of W, not of V": x @ (V * (m / np.sqrt((first**2).sum(axis=0)))),
        "the lengths are used without the norm": x @ (V * m),
        "the scale is missing inside V": x @ unit(first + A @ B, m),
        "the lengths act on the branch alone": x @ (first + (V - first) * (m / norm)),
    })  # fmt: skip


def unit(V, m):
    return V * (m / np.sqrt((V * V).sum(axis=0)))


@law(MOVED, "the bias is multiplied by m/‖V‖", settings="bias", **DORA)
def dora_leaves_the_bias_alone(s, W, A, B, alpha, b):
    """y = xW' + b: the length is the weight's, and the bias has no part in it."""
    layer = s.moved(W, A, B, alpha, bias=b)
    m, _, norm = parts(s, layer, W, A, B, alpha)
    y = s.forward(layer, np.zeros((1, len(W))))[0]
    s.same("y of a row of zeros", y, b, {"the bias is scaled too": b * m / norm})


@law(f"{MOVED} gradients", "dm is not dy∘xV summed over the rows, over the norm", **DORA)
def dm_is_the_derivative(s, x, W, A, B, alpha, dy):
    """dm = Σ dy∘(xV)/‖V‖, one number an output unit: y is linear in m."""
    layer = s.moved(W, A, B, alpha)
    _, V, norm = parts(s, layer, W, A, B, alpha)
    right = (dy * (x @ V)).reshape(-1, len(norm)).sum(axis=0) / norm
    got = s.gradient(layer, x, dy, "m").reshape(-1)
    s.same("dm", got, right, {"not divided by the norm": right * norm, "zero": 0 * right})


@law(f"{MOVED} gradients", "the factors' gradients are not those with the norm held", **DORA)
def the_norm_is_held_constant(s, x, W, A, B, alpha, dy):
    """Backward takes ‖V‖ for a constant (Liu et al. 2024, §4.3): dA = s·xᵀ(c∘dy)Bᵀ with c = m/‖V‖,
    and dB = s·(xA)ᵀ(c∘dy). The full derivative has another term, and costs a graph through V."""
    layer, scale = s.moved(W, A, B, alpha), s.scale(alpha, A.shape[1])
    m, V, norm = parts(s, layer, W, A, B, alpha)
    flat = x.reshape(-1, len(W))
    dz = dy.reshape(len(flat), -1) * (m / norm)
    dV = flat.T @ dz  # with the norm held; the full one has no part along V
    full = dV - V * ((V * dV).sum(axis=0) / norm**2)
    for name, of in (("A", lambda dV: scale * dV @ B.T), ("B", lambda dV: scale * A.T @ dV)):
        s.same(f"d{name}", s.gradient(layer, x, dy, name), of(dV), {
            "the full derivative, through the norm": of(full),
            "the length c = m/‖V‖ is missing": of(dV / (m / norm)),
        })  # fmt: skip
