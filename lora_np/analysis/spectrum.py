"""What a fine-tune did to a weight: its ΔW, how many directions it has, and which ones."""

import numpy as np


def delta_weights(model, base):
    """{layer's name: ΔW = W' − W (in, out)} between a fine-tuned model and its base.

    Each model counts with the weights it acts with, so under QLoRA the rounding is part of ΔW.
    """
    after, before = (
        {name: layer.effective_weight() for name, layer in each.linears()} for each in (model, base)
    )
    if after.keys() != before.keys():
        odd = sorted(after.keys() ^ before.keys())
        raise ValueError(f"the two models differ in their layers: {', '.join(odd)}")
    return {name: after[name] - before[name] for name in after}


def singular_values(delta):
    """σ₁ ≥ σ₂ ≥ … of ΔW: the best rank-r approximation misses exactly those after the r-th.

    (Eckart & Young 1936.) Shapes: ΔW (in, out), σ (min(in, out),).
    """
    return np.linalg.svd(delta, compute_uv=False)


def rank_for(share, values):
    """The fewest singular values that hold `share` of Σσ², the squared size of ΔW."""
    energy = np.cumsum(np.square(values, dtype=np.float64))
    return int(np.searchsorted(energy, share * energy[-1]) + 1)


def overlap(few, many, i, j):
    """φ = ‖Uᵢᵀ Uⱼ‖² / min(i, j), from 0 (orthogonal) to 1 (one contains the other).

    Uᵢ holds the first i left singular vectors of `few`, Uⱼ the first j of `many`: do the two
    ΔW change the same directions of the input? (Hu et al. 2021, §7.2, eq. 4.)
    Shapes: few and many (in, out).
    """
    if few.shape != many.shape or not 1 <= min(i, j) <= max(i, j) <= min(few.shape):
        expected = f"two ΔW of one shape and i, j from 1 to {min(few.shape)}"
        raise ValueError(f"overlap: expected {expected}, got {few.shape}, {many.shape}, {i}, {j}")
    U, V = (np.linalg.svd(delta, full_matrices=False)[0] for delta in (few, many))
    return float(np.square(U[:, :i].T @ V[:, :j]).sum() / min(i, j))


def truncated(delta, rank):
    """The best fit of rank `rank` to ΔW: its first singular directions (Eckart & Young 1936)."""
    U, S, Vt = np.linalg.svd(delta, full_matrices=False)
    return (U[:, :rank] * S[:rank]) @ Vt[:rank]


def intruders(after, before, top=10, below=0.6):
    """Which of the first `top` singular directions of W' look like none of W's.

    Direction i is an intruder where max_j |cos(vᵢ', vⱼ)| < `below`, v the right singular vectors,
    on the side of the outputs (Shuttleworth et al. 2024, arXiv 2410.21228, §3; they write W
    (out, in), so those are its left ones). Shapes: after and before (in, out).
    """
    new, old = (np.linalg.svd(weight, full_matrices=False)[2] for weight in (after, before))
    return np.flatnonzero(np.abs(new[:top] @ old.T).max(axis=1) < below)


def shrunk(weight, directions, factor):
    """W with those singular values times `factor`: W + (factor − 1) Σᵢ σᵢ uᵢ vᵢᵀ."""
    U, S, Vt = np.linalg.svd(weight, full_matrices=False)
    S[directions] *= factor
    return (U * S) @ Vt
