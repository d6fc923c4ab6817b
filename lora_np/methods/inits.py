"""How LoRA's factors start: each function takes (base, rank, scale, rng) and returns (base, A, B).

A (in, r) and B (r, out) are arrays. An init that changes what the base holds returns another
base; the one passed in is never written to.
"""

import math

import numpy as np


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
