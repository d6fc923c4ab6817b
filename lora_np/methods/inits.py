"""How LoRA's factors start: each function takes (base, rank, scale, rng) and returns (base, A, B).

A (in, r) and B (r, out) are arrays. An init that changes what the base holds returns another
base; the one passed in is never written to.
"""

import math

import numpy as np

from ..nn.layers import Linear
from ..quant.linear import NF4Linear


def zero_b(base, rank, scale, rng):
    """A random, B zero, so ΔW = 0 at the start (Hu et al. 2021, §4.1); PEFT's default.

    A is Kaiming-uniform with a = √5, which is U(±1/√in). On the first step dA = 0 and dB ≠ 0.
    """
    bound = 1 / math.sqrt(base.in_features)
    A = rng.uniform(-bound, bound, size=(base.in_features, rank)).astype(base.dtype)
    return base, A, np.zeros((rank, base.out_features), base.dtype)


def both_zero(base, rank, scale, rng):
    """A and B zero: a stationary point, since dA = xᵀ(s·dy·Bᵀ) and dB = s·(xA)ᵀdy both vanish.

    It never learns. It is here to be shown.
    """
    A = np.zeros((base.in_features, rank), base.dtype)
    return base, A, np.zeros((rank, base.out_features), base.dtype)


def pissa(base, rank, scale, rng):
    """The factors hold W's largest singular directions, and the base keeps the rest.

    W = U S Vᵀ; A = U_r √(S_r/s), B = √(S_r/s) V_rᵀ, base ← W − s·A·B: the layer computes what it
    did, and what learns is what mattered most (Meng et al. 2024, arXiv 2404.02948, §3).
    Raises: ValueError for a scale that is not positive, or a base that is wrapped already.
    """
    weight = plain_weight(base)
    A, B = best_factors(weight, rank, scale)
    return Linear(weight - scale * (A @ B), base.bias), A, B


def loftq(base, rank, scale, rng, *, iterations=5, block_size=64, double_quant=False):
    """The base in NF4, and factors that make up for the rounding as well as rank r can.

    Alternates Q = NF4(W − s·A·B), from A·B = 0, with s·A·B = the best rank-r fit to W − Q (Li et
    al. 2023, LoftQ, arXiv 2310.08659, algorithm 1). Give it the weight before it is rounded.
    Raises: as pissa; ValueError for fewer than one iteration.
    """
    if iterations < 1:
        raise ValueError(f"loftq: expected at least one iteration, got {iterations!r}")
    weight = residual = plain_weight(base)
    for _ in range(iterations):
        quantized = NF4Linear.from_linear(Linear(residual), block_size, double_quant)
        A, B = best_factors(weight - quantized.effective_weight(), rank, scale)
        residual = weight - scale * (A @ B)
    quantized.bias = base.bias
    return quantized, A, B


def plain_weight(base):
    """The weight (in, out) of a layer that wraps nothing; splitting a wrapper would undo it."""
    if "base" in vars(base):
        raise ValueError(f"expected a plain layer to split, got {type(base).__name__}; merge first")
    return base.effective_weight()


def best_factors(matrix, rank, scale):
    """A (in, r) and B (r, out) whose s·A·B is the best fit of rank r: the truncated SVD."""
    if scale <= 0:
        raise ValueError(f"expected a scale above 0 to share √(S/s) between A and B, got {scale}")
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(S[:rank] / scale).astype(matrix.dtype)  # (r,)
    return U[:, :rank] * root, root[:, None] * Vt[:rank]
