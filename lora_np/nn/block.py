"""One transformer block: attention mixes positions, the MLP works on each position alone."""

from .functional import dropout_backward, dropout_forward, gelu_backward, gelu_forward
from .module import Module


class MLP(Module):
    """y = gelu(x W_fc) W_proj, on each position alone.

    Shapes: x and y (B, T, d), inside (B, T, 4d).
    """

    def __init__(self, c_fc, c_proj, resid_pdrop=0.0):
        self.c_fc, self.c_proj, self.resid_pdrop = c_fc, c_proj, resid_pdrop

    def forward(self, x, *, rng=None):
        z, fc_cache = self.c_fc.forward(x, rng=rng)
        a, gelu_cache = gelu_forward(z, out=z)  # z is read no more
        y, proj_cache = self.c_proj.forward(a, rng=rng)
        y, mask = dropout_forward(y, self.resid_pdrop, rng)
        return y, (fc_cache, gelu_cache, proj_cache, mask)

    def backward(self, dy, cache):
        fc_cache, gelu_cache, proj_cache, mask = cache
        da = self.c_proj.backward(dropout_backward(dy, mask), proj_cache)  # undoes W_proj
        dz = gelu_backward(da, gelu_cache, out=da)  # undoes gelu
        return self.c_fc.backward(dz, fc_cache)  # undoes W_fc


class Block(Module):
    """x ← x + attn(ln_1(x)), then x ← x + mlp(ln_2(x)): pre-norm, as GPT-2.

    Shapes: x and y (B, T, d).
    """

    def __init__(self, ln_1, attn, ln_2, mlp):
        self.ln_1, self.attn, self.ln_2, self.mlp = ln_1, attn, ln_2, mlp

    def forward(self, x, *, rng=None, past=None):
        a, ln_1_cache = self.ln_1.forward(x)
        a, attn_cache = self.attn.forward(a, rng=rng, past=past)
        a += x  # the residual: what the sublayer adds to
        x = a
        m, ln_2_cache = self.ln_2.forward(x)
        m, mlp_cache = self.mlp.forward(m, rng=rng)
        m += x
        return m, (ln_1_cache, attn_cache, ln_2_cache, mlp_cache)

    def backward(self, dy, cache, *, below_trains=True):
        """Returns dx, or None where nothing below needs it, and dpast."""
        ln_1_cache, attn_cache, ln_2_cache, mlp_cache = cache
        dm = self.mlp.backward(dy, mlp_cache)
        dx = self.ln_2.backward(dm, ln_2_cache)
        dx += dy  # x went two ways, so its gradients add
        into_norm = below_trains or self.ln_1.trains()
        da, dpast = self.attn.backward(dx, attn_cache, below_trains=into_norm)
        if not into_norm:
            return None, dpast
        da = self.ln_1.backward(da, ln_1_cache)
        da += dx
        return da, dpast
