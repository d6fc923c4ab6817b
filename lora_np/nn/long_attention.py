"""Attention whose memory grows with T, not with T²: keys a block at a time, a running softmax.

For each block of keys with scores s, each query's row (Rabe & Staats 2021, arXiv 2112.05682, §2):

    m' = max(m, max s)    l ← l·e^(m−m') + Σ e^(s−m')    o ← o·e^(m−m') + e^(s−m') v    out = o/l

Kept are out and m + log l, from which backward makes p block by block again, with Σ dp·p = dout·out
(Dao et al. 2022, arXiv 2205.14135, appendix B). Blocks that a query may not see cost nothing.
"""

import copy
import math
from typing import Any, NamedTuple

import numpy as np

from .functional import dropout_backward, dropout_forward

KEYS = 128  # a block's keys


class InBlocks(NamedTuple):
    """What forward keeps. Shapes: q (B, G, n, T, hd), out (B, T, H, hd), log_sum (B, G, n, T, 1)"""

    q: np.ndarray
    k: np.ndarray
    v: np.ndarray
    out: np.ndarray
    log_sum: np.ndarray
    drop: tuple[float, Any]  # the probability, and the generator as it stood
    window: int | None


def attend_in_blocks_forward(q, k, v, pdrop=0.0, rng=None, window=None):
    """As `attend_forward`, up to rounding; dropout's mask is drawn block by block."""
    B, H, T, hd = q.shape
    G, before = k.shape[1], copy.deepcopy(rng)
    q = q.reshape(B, G, H // G, T, hd)
    m = np.full((*q.shape[:-1], 1), -np.inf, q.dtype)
    total, o = np.zeros_like(m), np.zeros(q.shape, q.dtype)
    for keys, rows in blocks(T, k.shape[2], window):
        s = scores(q, k, keys, rows, window)  # (B, G, n, t, KEYS)
        highest = np.maximum(m[..., rows, :], s.max(axis=-1, keepdims=True))
        s -= highest
        e = np.exp(s, out=s)
        shrink = np.exp(m[..., rows, :] - highest)  # 0 at a query's first block
        m[..., rows, :] = highest
        total[..., rows, :] *= shrink
        total[..., rows, :] += e.sum(axis=-1, keepdims=True)
        o[..., rows, :] *= shrink
        o[..., rows, :] += dropout_forward(e, pdrop, rng)[0] @ v[:, :, None, keys]
    o /= total
    out = o.transpose(0, 3, 1, 2, 4).reshape(B, T, H, hd)
    m += np.log(total)
    return out, InBlocks(q, k, v, out, m, (pdrop, before), window)


def attend_in_blocks_backward(dout, cache, dq, dk, dv):
    """As `attend_backward`."""
    q, k, v, out, log_sum, (pdrop, rng), window = cache
    (B, G, n, T, hd), S = q.shape, k.shape[2]
    rng = copy.deepcopy(rng)  # the masks are drawn again, in the same order
    dp_p = np.einsum("bthi,bthi->bth", dout, out).reshape(B, T, G, n, 1).transpose(0, 2, 3, 1, 4)
    dout = dout.reshape(B, T, G, n, hd).transpose(0, 2, 3, 1, 4)  # (B, G, n, T, hd)
    dq = dq.reshape(q.shape)
    dq[...] = 0
    dkeys, dvalues = np.zeros((2, *k.shape), q.dtype)  # (B, G, S, hd); past a window they stay 0
    for keys, rows in blocks(T, S, window):
        s = scores(q, k, keys, rows, window)
        s -= log_sum[..., rows, :]
        p = np.exp(s, out=s)
        pd, mask = dropout_forward(p, pdrop, rng)
        dout_here, q_here = dout[..., rows, :], q[..., rows, :]
        dp = dropout_backward(dout_here @ v[:, :, None, keys].swapaxes(-1, -2), mask)  # undoes p·v
        dp -= dp_p[..., rows, :]  # undoes softmax: ds = p·(dp − Σ dp·p)
        dp *= p
        dp *= 1 / math.sqrt(hd)
        dq[..., rows, :] += dp @ k[:, :, None, keys]  # undoes q·kᵀ: dq = ds k
        # The n heads that shared a key stand below each other: one product adds up their gradients
        dvalues[:, :, keys] = stacked(pd).swapaxes(-1, -2) @ stacked(dout_here)  # undoes p·v
        dkeys[:, :, keys] = stacked(dp).swapaxes(-1, -2) @ stacked(q_here)  # undoes q·kᵀ
    dk[...], dv[...] = dkeys[:, :, S - T :], dvalues[:, :, S - T :]
    return dkeys[:, :, : S - T], dvalues[:, :, : S - T]


def blocks(T, S, window):
    """Yield (slice of keys, slice of the queries that see one of them), in order.

    Query t stands at t + P, P = S − T, and sees the `window` keys up to its own.
    """
    P = S - T
    for start in range(0, S, KEYS):
        stop = min(start + KEYS, S)
        last = T if window is None else min(T, stop - P + window - 1)
        if last > (first := max(0, start - P)):
            yield slice(start, stop), slice(first, last)


def scores(q, k, keys, rows, window):
    """q kᵀ/√hd of these keys and queries; −∞ where a query may not look."""
    s = q[..., rows, :] @ k[:, :, None, keys].swapaxes(-1, -2)
    s *= 1 / math.sqrt(q.shape[-1])
    P = k.shape[2] - q.shape[3]
    within = keys.stop - P if window is None else rows.stop  # later queries see the whole block
    t, j = np.arange(rows.start, within)[:, None] + P, np.arange(keys.start, keys.stop)
    hidden = j > t if window is None else (j > t) | (j <= t - window)
    np.copyto(s[..., : len(t), :], -np.inf, where=hidden[: s.shape[-2]])
    return s


def stacked(x):
    """(B, G, n, t, m) as (B, G, n·t, m)"""
    return x.reshape(*x.shape[:2], -1, x.shape[-1])
