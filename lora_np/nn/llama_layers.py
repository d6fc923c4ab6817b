"""The parts of a Llama's block: RMSNorm, rotary positions, grouped attention, SwiGLU."""

import numpy as np

from .attention import attend_backward, attend_forward, behind, past_length
from .functional import silu_backward, silu_forward
from .layers import rows
from .module import Module, Parameter


class RMSNorm(Module):
    """y = x̂·g, x̂ = x/√(mean x² + ε) over the last axis (Zhang & Sennrich 2019, arXiv 1910.07467,
    §3, eq. 4): LayerNorm that neither centres nor shifts.

    Shapes: x and y (..., d), g (d,), called `weight`.
    """

    def __init__(self, weight, eps=1e-5):
        self.weight = weight if isinstance(weight, Parameter) else Parameter(weight)
        if len(self.weight.shape) != 1:
            raise ValueError(f"RMSNorm: expected a weight (d,), got {self.weight.shape}")
        self.eps = float(eps)  # a NumPy float64 would turn float32 into float64

    def forward(self, x, *, rng=None):
        square = np.einsum("...i,...i->...", x, x)[..., None] / x.shape[-1]
        rstd = 1 / np.sqrt(square + self.eps)  # (..., 1)
        xhat = x * rstd
        return xhat * self.weight.data, (xhat, rstd)

    def backward(self, dy, cache):
        xhat, rstd = cache
        if self.weight.trainable:
            self.weight.accumulate(np.einsum("ni,ni->i", rows(dy), rows(xhat)))  # undoes x̂·g
        dx = dy * self.weight.data  # undoes x̂·g: this is dx̂
        # Undoes x̂ = x/rms. x also moved the rms, so dx̂'s share along x̂ is taken out:
        # dx = (dx̂ − x̂·mean(dx̂·x̂)) / rms
        dx -= xhat * (np.einsum("...i,...i->...", dx, xhat)[..., None] / dx.shape[-1])
        dx *= rstd
        return dx


def rotary_angles(start, T, hd, theta, dtype):
    """cos and sin of the angle t·θ^(−2i/hd) by which position t turns pair i of a query or key.

    (Su et al. 2021, RoFormer, arXiv 2104.09864, §3.2.2, eq. 15.) q·k then depends on how far apart
    the two stand, and on nothing else about where.
    Shapes: both (T, hd/2), for positions start … start + T − 1.
    """
    rates = theta ** (-np.arange(0, hd, 2) / hd)  # (hd/2,) float64: an angle may be in thousands
    angles = np.arange(start, start + T)[:, None] * rates
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def rotate(x, cos, sin):
    """Turn each pair (x₁, x₂) = (x[i], x[i + hd/2]): (x₁ cos − x₂ sin, x₂ cos + x₁ sin).

    Its backward is the turn back, rotate(dy, cos, −sin).
    Shapes: x and the result (B, H, T, hd), cos and sin (T, hd/2).
    """
    y, half = np.empty_like(x), x.shape[-1] // 2
    x1, x2, y1, y2 = x[..., :half], x[..., half:], y[..., :half], y[..., half:]
    np.multiply(x1, cos, out=y1)
    y1 -= x2 * sin
    np.multiply(x2, cos, out=y2)
    y2 += x1 * sin
    return y


class LlamaAttention(Module):
    """y = merge(softmax(R(q) R(k)ᵀ/√hd + mask) v) W_o, with q, k, v = x W_q, x W_k, x W_v.

    R turns by the position: rotary_angles. H query heads share G key-value heads. `past` as in
    Attention; its keys are turned already, and x stands behind it.
    Shapes: x and y (B, T, d), W_q (d, H·hd), W_k and W_v (d, G·hd), W_o (H·hd, d);
    past k and v (B, G, P, hd).
    """

    def __init__(self, q_proj, k_proj, v_proj, o_proj, head_dim, theta):
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = q_proj, k_proj, v_proj, o_proj
        self.head_dim, self.theta = head_dim, theta

    def forward(self, x, *, rng=None, past=None):
        (B, T, _), hd = x.shape, self.head_dim
        q, q_cache = self.q_proj.forward(x, rng=rng)  # (B, T, H·hd)
        k, k_cache = self.k_proj.forward(x, rng=rng)  # (B, T, G·hd)
        v, v_cache = self.v_proj.forward(x, rng=rng)
        cos, sin = rotary_angles(past_length(past), T, hd, self.theta, x.dtype)
        q, k = rotate(apart(q, hd), cos, sin), rotate(apart(k, hd), cos, sin)
        k, v = behind(past, k, apart(v, hd))  # (B, G, S, hd)
        out, core_cache = attend_forward(q, k, v)  # (B, T, H, hd)
        y, o_cache = self.o_proj.forward(out.reshape(B, T, -1), rng=rng)
        return y, (q_cache, k_cache, v_cache, cos, sin, core_cache, o_cache, past is not None)

    def backward(self, dy, cache, **below):
        """Returns dx and dpast: the pair (dk, dv) for `past`, or None without one."""
        q_cache, k_cache, v_cache, cos, sin, core_cache, o_cache, has_past = cache
        (B, T, _), hd = dy.shape, self.head_dim
        dout = self.o_proj.backward(dy, o_cache).reshape(B, T, -1, hd)  # undoes W_o
        dq, dk, dv = (
            apart(np.empty((B, T, layer.out_features), dy.dtype), hd)
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        dpast = attend_backward(dout, core_cache, dq, dk, dv)
        dq, dk = rotate(dq, cos, -sin), rotate(dk, cos, -sin)  # undoes R: turn back
        dx = self.q_proj.backward(together(dq), q_cache, **below)  # undoes W_q
        dxk = self.k_proj.backward(together(dk), k_cache, **below)  # undoes W_k
        dxv = self.v_proj.backward(together(dv), v_cache, **below)  # undoes W_v
        if dx is not None:  # x went three ways, so its gradients add
            dx += dxk
            dx += dxv
        return dx, dpast if has_past else None


def apart(x, hd):
    """(B, T, H·hd) as a view (B, H, T, hd): one head a matrix."""
    return x.reshape(*x.shape[:2], -1, hd).swapaxes(1, 2)


def together(x):
    """Undoes `apart`, with no copy where x has its layout."""
    B, H, T, hd = x.shape
    return x.swapaxes(1, 2).reshape(B, T, H * hd)


class SwiGLU(Module):
    """y = (silu(x W_gate) · x W_up) W_down (Shazeer 2020, arXiv 2002.05202, eq. 6).

    Shapes: x and y (B, T, d), inside (B, T, intermediate_size).
    """

    def __init__(self, gate_proj, up_proj, down_proj):
        self.gate_proj, self.up_proj, self.down_proj = gate_proj, up_proj, down_proj

    def forward(self, x, *, rng=None):
        g, gate_cache = self.gate_proj.forward(x, rng=rng)
        u, up_cache = self.up_proj.forward(x, rng=rng)
        a, silu_cache = silu_forward(g)
        a *= u
        y, down_cache = self.down_proj.forward(a, rng=rng)
        return y, (gate_cache, u, up_cache, silu_cache, down_cache)

    def backward(self, dy, cache):
        gate_cache, u, up_cache, silu_cache, down_cache = cache
        da = self.down_proj.backward(dy, down_cache)  # undoes W_down
        s, _ = silu_forward(silu_cache)  # cheaper to compute again than to keep
        du = s * da  # undoes silu(g)·u: du = da·silu(g)
        da *= u  # undoes silu(g)·u: d silu(g) = da·u
        dx = self.gate_proj.backward(silu_backward(da, silu_cache), gate_cache)  # undoes W_gate
        dx += self.up_proj.backward(du, up_cache)  # undoes W_up; x went two ways
        return dx
