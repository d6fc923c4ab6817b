"""How LoRA's factors start: from (base, rank, scale, rng) to (base, A (in, r), B (r, out)).

An init that changes what the base holds returns another base.
"""

import math

import numpy as np

from ...nn.linear import Linear
from ...nn.module import Wrapper
from ...quant.nf4_linear import NF4Linear
from ...system.checks import check_whole


def zero_b(base, rank, scale, rng):
    """A random, B zero, so ΔW = 0 at the start (Hu et al. 2021, §4.1); PEFT's default.

    A is Kaiming-uniform with a = √5, which is U(±1/√in). On the first step dA = 0 and dB ≠ 0.
    """
    bound = 1 / math.sqrt(base.in_features)
    A = rng.uniform(-bound, bound, size=(base.in_features, rank)).astype(base.dtype)
    return base, A, np.zeros((rank, base.out_features), base.dtype)


def both_zero(base, rank, scale, rng):
    """A and B zero, to be shown: as dA = xᵀ(s·dy·Bᵀ) and dB = s·(xA)ᵀdy vanish, it never learns."""
    A = np.zeros((base.in_features, rank), base.dtype)
    return base, A, np.zeros((rank, base.out_features), base.dtype)


def pissa(base, rank, scale, rng):
    """The factors hold W's largest singular directions, and the base keeps the rest.

    W = U S Vᵀ; A = U_r √(S_r/s), B = √(S_r/s) V_rᵀ, base ← W − s·A·B: the layer computes what it
    did, and what learns is what mattered most (Meng et al. 2024, arXiv 2404.02948, §3).
    """
    weight = plain_weight(base)
    A, B = best_factors(weight, rank, scale)
    return Linear(weight - scale * (A @ B), base.bias), A, B


def loftq(base, rank, scale, rng, *, iterations=5, block_size=64, double_quant=False):
    """The base in NF4, and factors that make up for the rounding as well as rank r can.

    Alternates Q = NF4(W − s·A·B), from A·B = 0, with s·A·B = the best rank-r fit to W − Q (Li et
    al. 2023, LoftQ, arXiv 2310.08659, algorithm 1). Give it the weight before it is rounded.
    """
    check_whole("loftq: expected iterations", iterations)
    weight = residual = plain_weight(base)
    for _ in range(iterations):
        quantized = NF4Linear.from_linear(Linear(residual), block_size, double_quant)
        A, B = best_factors(weight - quantized.effective_weight(), rank, scale)
        residual = weight - scale * (A @ B)
    quantized.bias = base.bias
    return quantized, A, B


def plain_weight(base):
    """The weight (in, out) of a layer that wraps nothing; splitting a wrapper would undo it."""
    if isinstance(base, Wrapper):
        raise ValueError(f"expected a plain layer to split, got {type(base).__name__}; merge first")
    return base.effective_weight()


def best_factors(matrix, rank, scale):
    """A (in, r) and B (r, out) whose s·A·B is the best fit of rank r: the truncated SVD."""
    if scale <= 0:
        raise ValueError(f"expected a scale above 0 to share √(S/s) between A and B, got {scale}")
    U, S, Vt = np.linalg.svd(matrix, full_matrices=False)
    root = np.sqrt(S[:rank] / scale).astype(matrix.dtype)  # (r,)
    return U[:, :rank] * root, root[:, None] * Vt[:rank]
