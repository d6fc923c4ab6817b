"""Causal multi-head self-attention (Vaswani et al. 2017, arXiv 1706.03762, §3.2).

Each position's query asks which earlier keys fit, and takes their values in those proportions.
"""

import math

import numpy as np

from ..system.checks import check_whole
from .functional import (
    check_dropout,
    dropout_backward,
    dropout_forward,
    softmax_backward,
    softmax_forward,
)
from .kv_cache import extend_past
from .long_attention import InBlocks, attend_in_blocks_backward, attend_in_blocks_forward
from .module import Module

LONG = 512  # tokens: from here on blocks of keys take less time as well as less memory


def attend_forward(q, k, v, pdrop=0.0, rng=None, window=None):
    """out = softmax(q kᵀ/√hd + mask) v, once per head.

    The first P = S − T keys are the past; with a window, a query sees the last `window` keys up to
    its own. With G < H, each key and value serves n = H/G heads in a
    row (Ainslie et al. 2023, arXiv 2305.13245, §2.2). From LONG tokens on, keys go in blocks.
    Shapes: q (B, H, T, hd), k and v (B, G, S, hd), out (B, T, H, hd).
    """
    B, H, T, hd = q.shape
    if T >= LONG:
        return attend_in_blocks_forward(q, k, v, pdrop, rng, window)
    G, S = k.shape[1:3]
    n = H // G
    q = q.reshape(B, G, n, T, hd)
    scores = q @ k[:, :, None].swapaxes(-1, -2)  # (B, G, n, T, S)
    scores *= 1 / math.sqrt(hd)
    if T > 1 or (window is not None and S > window):  # else the last one, which may look at all
        scores += causal_mask(T, S - T, q.dtype, window)
    p, _ = softmax_forward(scores, out=scores)
    pd, mask = dropout_forward(p, pdrop, rng)
    out = np.empty((B, T, H, hd), q.dtype)  # each head writes into its own columns
    np.matmul(pd, v[:, :, None], out=out.reshape(B, T, G, n, hd).transpose(0, 2, 3, 1, 4))
    return out, (q, k, v, p, pd, mask)


def attend_backward(dout, cache, dq, dk, dv):
    """Fills dq (B, H, T, hd), dk and dv (B, G, T, hd); returns the past's (dk, dv), P long."""
    if isinstance(cache, InBlocks):
        return attend_in_blocks_backward(dout, cache, dq, dk, dv)
    q, k, v, p, pd, mask = cache
    B, G, n, T, hd = q.shape
    P = k.shape[2] - T
    dout = dout.reshape(B, T, G, n, hd).transpose(0, 2, 3, 1, 4)  # (B, G, n, T, hd)
    dp = dropout_backward(dout @ v[:, :, None].swapaxes(-1, -2), mask)  # undoes p·v: dp = dout vᵀ
    dscores = softmax_backward(dp, p, out=dp)  # where p was masked, 0
    dscores *= 1 / math.sqrt(hd)  # undoes /√hd
    # Undoes q·kᵀ: dq = dscores k
    np.matmul(dscores, k[:, :, None], out=dq.reshape(B, G, n, T, hd))
    # The n heads that shared a key stand below each other, so one product adds up their gradients
    q, dout = q.reshape(B, G, n * T, hd), dout.reshape(B, G, n * T, hd)
    pdT = pd.reshape(B, G, n * T, P + T).swapaxes(-1, -2)  # (B, G, S, n·T)
    dscoresT = dscores.reshape(B, G, n * T, P + T).swapaxes(-1, -2)
    np.matmul(pdT[:, :, P:], dout, out=dv)  # undoes p·v: dv = pᵀ dout
    np.matmul(dscoresT[:, :, P:], q, out=dk)  # undoes q·kᵀ: dk = dscoresᵀ q
    return dscoresT[:, :, :P] @ q, pdT[:, :, :P] @ dout  # the same two lines, for the past's rows


class Attention(Module):
    """y = merge(softmax(q kᵀ/√hd + mask) v) W_proj, with q, k, v side by side in x W_attn.

    `past` holds keys and values of positions before x: a pair (k, v), which gets gradients, or a
    KeyValueCache, which grows.
    Shapes: x and y (B, T, d), c_attn (d, 3d), c_proj (d, d); past k and v (B, H, P, hd), hd = d/H.
    """

    def __init__(self, c_attn, c_proj, n_head, attn_pdrop=0.0, resid_pdrop=0.0):
        self.c_attn, self.c_proj, self.n_head = c_attn, c_proj, n_head
        check_whole("Attention: expected n_head", n_head)
        check_dropout("Attention: expected attn_pdrop", attn_pdrop)
        check_dropout("Attention: expected resid_pdrop", resid_pdrop)
        self.attn_pdrop, self.resid_pdrop = attn_pdrop, resid_pdrop

    def forward(self, x, *, rng=None, past=None):
        B, T, d = x.shape
        qkv, attn_cache = self.c_attn.forward(x, rng=rng)  # (B, T, 3d)
        q, k, v = qkv.reshape(B, T, 3, self.n_head, -1).transpose(2, 0, 3, 1, 4)  # (B, H, T, hd)
        k, v = extend_past(past, k, v)  # (B, H, S, hd)
        out, core_cache = attend_forward(q, k, v, self.attn_pdrop, rng)  # (B, T, H, hd)
        y, proj_cache = self.c_proj.forward(out.reshape(B, T, d), rng=rng)
        y, mask = dropout_forward(y, self.resid_pdrop, rng)
        return y, (attn_cache, core_cache, proj_cache, mask, past is not None)

    def backward(self, dy, cache, **below):
        """Returns dx and dpast: the pair (dk, dv) for `past`, or None without one."""
        attn_cache, core_cache, proj_cache, mask, has_past = cache
        (B, T, d), H = dy.shape, self.n_head
        dout = self.c_proj.backward(dropout_backward(dy, mask), proj_cache)  # undoes W_proj
        dqkv = np.empty((B, T, 3, H, d // H), dy.dtype)
        dq, dk, dv = dqkv.transpose(2, 0, 3, 1, 4)  # views: written in place, side by side
        dpast = attend_backward(dout.reshape(B, T, H, d // H), core_cache, dq, dk, dv)
        dx = self.c_attn.backward(dqkv.reshape(B, T, 3 * d), attn_cache, **below)  # undoes W_attn
        return dx, dpast if has_past else None


def causal_mask(T, P, dtype, window=None):
    """(T, P + T): 0 where position t may look (the past and itself), −∞ where it may not.

    With a window it may look at the last `window` of those.
    """
    none = np.full((T, P + T), -np.inf, dtype)
    later = np.triu(none, k=P + 1)
    return later if window is None else later + np.tril(none, k=P - window)
