"""Q, K and V in one weight: LoRA on some of them, and grouped queries.

`make_qkv(W, rank, alpha, sizes, enabled)`: W (in, q + k + v) has its columns in that order,
`sizes` are {"q": …, "k": …, "v": …}, `enabled` the letters of the parts that have factors, whose
names are A_q (in, r), B_q (r, q) and so on.
"""

import numpy as np

from .drawn import attention
from .law import law

FUSED = "make_qkv forward set_factors"


def delta(s, sizes, enabled, factors, alpha, n_in):
    """s·A·B of each part in its columns, zero elsewhere  (in, q + k + v)"""
    parts = []
    for part, width in sizes.items():
        if part in enabled:
            A, B = factors[f"A_{part}"], factors[f"B_{part}"]
            parts.append(s.scale(alpha, A.shape[1]) * A @ B)
        else:
            parts.append(np.zeros((n_in, width)))
    return np.concatenate(parts, axis=1)


def moved(s, W, rank, alpha, sizes, enabled, factors):
    layer = s.make_qkv(W, rank, alpha, sizes, enabled)
    s.set_factors(layer, **factors)
    return layer


@law(FUSED, "a part's ΔW lands in another's columns, or one B is used for all", 7, draws=attention)
def each_part_gets_its_own_delta(s, x, W, rank, alpha, sizes, enabled, factors):
    """The columns of part p change by s·A_p·B_p, in the order q, k, v."""
    y = s.forward(moved(s, W, rank, alpha, sizes, enabled, factors), x)
    right = delta(s, sizes, enabled, factors, alpha, len(W))
    s.same("y - xW", y - x @ W, x @ right, {"no part changed": 0 * y})


@law(FUSED, "columns of a part without LoRA changed", 7, draws=attention)
def a_part_left_out_stays_the_base(s, x, W, rank, alpha, sizes, enabled, factors):
    """Whatever the factors hold, a part that is not enabled computes what the base does."""
    y, at = s.forward(moved(s, W, rank, alpha, sizes, enabled, factors), x), 0
    for part, width in sizes.items():
        if part not in enabled:
            s.same(f"y of {part}", y[..., at : at + width], x @ W[:, at : at + width])
        at += width


@law(FUSED, "it is not the identity at the start", 7, draws=attention)
def fused_it_starts_at_the_base(s, x, W, rank, alpha, sizes, enabled):
    """All parts compute what the base does before the first step."""
    s.same("y of a new layer", s.forward(s.make_qkv(W, rank, alpha, sizes, enabled), x), x @ W)


@law(f"{FUSED} merge", "merging puts a part's ΔW elsewhere than forward does", 7, draws=attention)
def fused_merged_equals_forward(s, x, W, rank, alpha, sizes, enabled, factors):
    """x·W' = layer(x) for the fused weight too, with fewer keys than queries."""
    layer = moved(s, W, rank, alpha, sizes, enabled, factors)
    y = s.forward(layer, x)
    s.same("x times the merged weight", x @ s.merge(layer), y, {"merging adds nothing": x @ W})
