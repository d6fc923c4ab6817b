"""What an adapter does to one layer, in numbers: size, directions, intruders, merge error."""

import numpy as np

from ..checkpoint.dtypes import from_bfloat16, to_bfloat16
from ..methods.low_rank.to_lora import product_svd
from ..quant import quantize_nf4
from .spectrum import intruders, rank_for, shrunk

PARALLEL = 1 - 1e-6  # |cos| from which two columns of A are one direction; chance never comes near
NOTHING = 1e-6  # of the largest direction: a share from which one does no work
FORMS = ("float32", "float16", "bfloat16", "NF4")  # in which merged weights are stored
HALF = 0.5  # what a shrunk intruder's singular value is multiplied by


def rounded(weight):
    """{format: the weight (in, out) as it is after it was stored so}, all in float64."""
    single = weight.astype(np.float32)
    with np.errstate(over="ignore"):  # too large for float16 becomes inf, and so does the error
        half = single.astype(np.float16)
    return {
        "float32": single.astype(np.float64),
        "float16": half.astype(np.float64),
        "bfloat16": from_bfloat16(to_bfloat16(single).view("<u2")).astype(np.float64),
        "NF4": quantize_nf4(single.T).dequantize().T.astype(np.float64),
    }


def merge_errors(merged, delta):
    """{format: ‖stored(W') − W'‖ / ‖ΔW‖}: what storing W' = W + ΔW costs, beside what it adds.

    From 1 on the rounding is as large as the adapter. Shapes: both (in, out), float64.
    """
    size = np.linalg.norm(delta)
    with np.errstate(invalid="ignore"):
        return {
            form: float(np.linalg.norm(stored - merged) / size)
            for form, stored in rounded(merged).items()
        }


def directions(A, B, scale):
    """{"rank", "works": how many independent directions sAB has, "most": how many hold 99 % of its
    square, "dead" and "twins": which columns of A and rows of B add nothing of their own, "size"}.

    A column that is another's multiple is its twin: two of the r, one direction.
    """
    S = product_svd(A, B, scale)[1]
    live = np.linalg.norm(A, axis=0) * np.linalg.norm(B, axis=1)
    dead = np.flatnonzero(live <= NOTHING * max(live.max(), np.finfo(np.float32).tiny))
    kept = np.setdiff1d(np.arange(A.shape[1]), dead)
    unit = A[:, kept] / np.linalg.norm(A[:, kept], axis=0)
    same = np.triu(np.abs(unit.T @ unit) >= PARALLEL, 1)
    return {
        "rank": A.shape[1],
        "works": int((S > NOTHING * S[0]).sum()) if S[0] else 0,
        "most": rank_for(0.99, S) if S[0] else 0,
        "dead": dead.tolist(),
        "twins": kept[same.any(axis=0)].tolist(),
        "size": float(np.linalg.norm(S)),
    }


def against(W, delta):
    """{"change": ‖ΔW‖/‖W‖, "intruders": which of the ten largest singular directions of W' are none
    of W's, "halved": the change with their singular values halved, "merged": merge_errors}.
    """
    merged, size = W + delta, np.linalg.norm(W)
    found = intruders(merged, W)
    halved = shrunk(merged, found, HALF) - W if found.size else delta
    return {
        "change": float(np.linalg.norm(delta) / size) if size else np.inf,
        "intruders": found.tolist(),
        "halved": float(np.linalg.norm(halved) / size) if size else np.inf,
        "merged": merge_errors(merged, delta) if delta.any() else {},
    }


def delta_of(parts, scale, W):
    """ΔW (in, out) in float64 of one layer's arrays on W."""
    if "l" in parts:
        return W * (parts["l"].astype(np.float64) - 1)
    V = W + scale * (parts["A"].astype(np.float64) @ parts["B"].astype(np.float64))
    return V - W if "m" not in parts else V * (parts["m"] / np.linalg.norm(V, axis=0)) - W
