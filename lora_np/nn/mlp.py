"""The MLPs of a block, which work on each position alone: GPT-2's, and Llama's SwiGLU."""

from .functional import (
    check_dropout,
    dropout_backward,
    dropout_forward,
    dropout_mask,
    gelu_backward,
    gelu_forward,
    silu_backward,
    silu_forward,
)
from .module import Module


class MLP(Module):
    """y = gelu(x W_fc) W_proj. Shapes: x and y (B, T, d), inside (B, T, 4d)."""

    def __init__(self, c_fc, c_proj, resid_pdrop=0.0):
        check_dropout("MLP: expected resid_pdrop", resid_pdrop)
        self.c_fc, self.c_proj, self.resid_pdrop = c_fc, c_proj, resid_pdrop

    def forward(self, x, *, rng=None):
        z, fc_cache = self.c_fc.forward(x, rng=rng)
        a, gelu_cache = gelu_forward(z, out=z)  # z is read no more
        y, proj_cache = self.c_proj.forward(a, rng=rng)
        y, mask = dropout_forward(y, self.resid_pdrop, rng)
        return y, (fc_cache, gelu_cache, proj_cache, mask)

    def recall(self, x, *, rng=None):
        z, fc_cache = self.c_fc.forward(x, rng=rng)
        a, gelu_cache = gelu_forward(z, out=z)
        proj_cache = self.c_proj.recall(a, rng=rng)
        return fc_cache, gelu_cache, proj_cache, dropout_mask(x, self.resid_pdrop, rng)

    def backward(self, dy, cache):
        fc_cache, gelu_cache, proj_cache, mask = cache
        da = self.c_proj.backward(dropout_backward(dy, mask), proj_cache)  # undoes W_proj
        dz = gelu_backward(da, gelu_cache, out=da)  # undoes gelu
        return self.c_fc.backward(dz, fc_cache)  # undoes W_fc


class SwiGLU(Module):
    """y = (silu(x W_gate) · x W_up) W_down (Shazeer 2020, arXiv 2002.05202, eq. 6).

    Shapes: x and y (B, T, d), inside (B, T, intermediate_size).
    """

    def __init__(self, gate_proj, up_proj, down_proj):
        self.gate_proj, self.up_proj, self.down_proj = gate_proj, up_proj, down_proj

    def forward(self, x, *, rng=None):
        a, *caches = self._inside(x, rng)
        y, down_cache = self.down_proj.forward(a, rng=rng)
        return y, (*caches, down_cache)

    def recall(self, x, *, rng=None):
        a, *caches = self._inside(x, rng)
        return *caches, self.down_proj.recall(a, rng=rng)

    def _inside(self, x, rng):
        g, gate_cache = self.gate_proj.forward(x, rng=rng)
        u, up_cache = self.up_proj.forward(x, rng=rng)
        a, silu_cache = silu_forward(g)
        a *= u
        return a, gate_cache, u, up_cache, silu_cache

    def backward(self, dy, cache):
        gate_cache, u, up_cache, silu_cache, down_cache = cache
        da = self.down_proj.backward(dy, down_cache)  # undoes W_down
        s, _ = silu_forward(silu_cache)  # cheaper to compute again than to keep
        du = s * da  # undoes silu(g)·u: du = da·silu(g)
        da *= u  # undoes silu(g)·u: d silu(g) = da·u
        dx = self.gate_proj.backward(silu_backward(da, silu_cache), gate_cache)  # undoes W_gate
        dx += self.up_proj.backward(du, up_cache)  # undoes W_up; x went two ways
        return dx
