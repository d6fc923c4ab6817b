"""One transformer block: attention mixes positions, the MLP works on each position alone."""

from .module import Module


class Block(Module):
    """x ← x + attn(ln_1(x)), then x ← x + mlp(ln_2(x)): pre-norm. Shapes: x and y (B, T, d)."""

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

    def recall(self, x, *, rng=None, past=None):
        a, ln_1_cache = self.ln_1.forward(x)
        a, attn_cache = self.attn.forward(a, rng=rng, past=past)
        a += x
        m, ln_2_cache = self.ln_2.forward(a)
        return ln_1_cache, attn_cache, ln_2_cache, self.mlp.recall(m, rng=rng)

    def backward(self, dy, cache, *, below_trains=True):
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
