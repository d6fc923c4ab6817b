"""Causal multi-head self-attention (Vaswani et al. 2017, arXiv 1706.03762, §3.2).

Each position asks with its query q which earlier keys k fit, and takes their values v in those
proportions:  out = softmax(q·kᵀ/√hd + mask) · v,  once per head.
"""

import math

import numpy as np

from .functional import dropout_backward, dropout_forward, softmax_backward, softmax_forward
from .module import Module


class KeyValueCache:
    """The keys and values of a sequence that grows while text is generated.

    `append` writes into room made beforehand, so the past is never copied. `length` positions are
    filled.
    Shapes: k and v (B, H, capacity, hd).
    """

    def __init__(self, shape, dtype):
        self.k, self.v, self.length = np.empty(shape, dtype), np.empty(shape, dtype), 0

    def append(self, k, v):
        """Add k and v (B, H, T, hd); returns views of all keys and values so far."""
        start, end = self.length, self.length + k.shape[2]
        expected = (*self.k.shape[:2], k.shape[2], self.k.shape[3])
        if k.shape != expected or v.shape != expected or end > self.k.shape[2]:
            raise ValueError(
                f"KeyValueCache: {start} of {self.k.shape[2]} positions are filled; expected k "
                f"and v {expected} that fit in the rest, got {k.shape} and {v.shape}"
            )
        self.k[:, :, start:end], self.v[:, :, start:end] = k, v
        self.length = end
        return self.k[:, :, :end], self.v[:, :, :end]


def past_length(past):
    """How many positions come before the first token: those in one layer's `past`."""
    if past is None:
        return 0
    return past.length if isinstance(past, KeyValueCache) else past[0].shape[2]


def check_past(past, x, config):
    """Raise ValueError unless `past` has an entry a layer, and pairs are (B, H, P, hd), as x is."""
    if len(past) != config.n_layer:
        raise ValueError(f"expected a past for each of {config.n_layer} layers, got {len(past)}")
    for entry in past:
        if entry is None or isinstance(entry, KeyValueCache):
            continue  # a KeyValueCache checks what is appended
        (k, v), hd = entry, config.n_embd // config.n_head
        expected = (len(x), config.n_head, k.shape[2] if k.ndim == 4 else "P", hd)
        if k.shape != expected or v.shape != expected or not k.dtype == v.dtype == x.dtype:
            raise ValueError(
                f"expected past keys and values {expected} in {x.dtype}, "
                f"got {k.shape} {k.dtype} and {v.shape} {v.dtype}"
            )


class Attention(Module):
    """y = merge(softmax(q kᵀ/√hd + mask) v) W_proj, with q, k, v side by side in x W_attn.

    `c_attn` is the fused projection (d, 3d), `c_proj` (d, d). `past` holds keys and values of
    positions before x: a pair (k, v), which gets gradients, or a KeyValueCache, which grows.
    Shapes: x and y (B, T, d); past k and v (B, H, P, hd), hd = d/H; S = P + T keys in all.
    """

    def __init__(self, c_attn, c_proj, n_head, attn_pdrop=0.0, resid_pdrop=0.0):
        self.c_attn, self.c_proj, self.n_head = c_attn, c_proj, n_head
        self.attn_pdrop, self.resid_pdrop = attn_pdrop, resid_pdrop

    def forward(self, x, *, rng=None, past=None):
        B, T, d = x.shape
        H, hd, P = self.n_head, d // self.n_head, past_length(past)
        qkv, attn_cache = self.c_attn.forward(x, rng=rng)  # (B, T, 3d)
        q, k, v = heads(qkv.reshape(B, T, 3, H, hd))  # three views (B, H, T, hd)
        if isinstance(past, KeyValueCache):
            k, v = past.append(k, v)
        elif past is not None:
            k, v = (np.concatenate(pair, axis=2) for pair in zip(past, (k, v)))  # (B, H, S, hd)
        scores = q @ k.swapaxes(-1, -2)  # (B, H, T, S)
        scores *= 1 / math.sqrt(hd)
        scores += causal_mask(T, P, x.dtype)
        p, _ = softmax_forward(scores, out=scores)
        pd, mask = dropout_forward(p, self.attn_pdrop, rng)
        out = np.empty((B, T, H, hd), x.dtype)
        np.matmul(pd, v, out=out.swapaxes(1, 2))  # each head writes into its own columns
        y, proj_cache = self.c_proj.forward(out.reshape(B, T, d), rng=rng)
        y, resid_mask = dropout_forward(y, self.resid_pdrop, rng)
        return y, (attn_cache, q, k, v, p, pd, mask, proj_cache, resid_mask, past is not None)

    def backward(self, dy, cache):
        """Returns dx and dpast: the pair (dk, dv) for `past`, or None without one."""
        attn_cache, q, k, v, p, pd, mask, proj_cache, resid_mask, has_past = cache
        B, H, T, hd = q.shape
        P = k.shape[2] - T
        dy = dropout_backward(dy, resid_mask)
        dout = self.c_proj.backward(dy, proj_cache)  # undoes W_proj
        dout = dout.reshape(B, T, H, hd).swapaxes(1, 2)  # (B, H, T, hd)
        dqkv = np.empty((B, T, 3, H, hd), dy.dtype)
        dq, dk, dv = heads(dqkv)  # views: written in place, side by side as c_attn gave them
        np.matmul(pd[..., P:].swapaxes(-1, -2), dout, out=dv)  # undoes p·v: dv = pᵀ dout
        dp = dropout_backward(dout @ v.swapaxes(-1, -2), mask)  # undoes p·v: dp = dout vᵀ
        dscores = softmax_backward(dp, p, out=dp)  # where p was masked, 0
        dscores *= 1 / math.sqrt(hd)  # undoes /√hd
        np.matmul(dscores, k, out=dq)  # undoes q·kᵀ: dq = dscores k
        np.matmul(dscores[..., P:].swapaxes(-1, -2), q, out=dk)  # undoes q·kᵀ: dk = dscoresᵀ q
        dx = self.c_attn.backward(dqkv.reshape(B, T, 3 * H * hd), attn_cache)  # undoes W_attn
        if not has_past:
            return dx, None
        dk_past = dscores[..., :P].swapaxes(-1, -2) @ q  # the same two lines, for the past's rows
        dv_past = pd[..., :P].swapaxes(-1, -2) @ dout
        return dx, (dk_past, dv_past)


def heads(qkv):
    """(B, T, 3, H, hd) as three views (B, H, T, hd): q, k and v."""
    return qkv.transpose(2, 0, 3, 1, 4)


def causal_mask(T, P, dtype):
    """(T, P + T): 0 where position t may look (the past and itself), −∞ where it may not."""
    return np.triu(np.full((T, P + T), -np.inf, dtype), k=P + 1)
