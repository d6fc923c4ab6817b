"""GraLoRA: a small LoRA for each of k·k blocks of W (Jung et al. 2025, arXiv 2505.20355, §3.1).

    ΔW's block (i, j) = s·A_ij·B_ij,   of rank r/k each,   s = α/r

It has LoRA's r·(in + out) numbers, and ΔW a rank up to r·k: one outlier among the inputs reaches
the gradients of its own row of blocks alone.
"""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Parameter
from ..added import Added, give, kaiming
from ..on_layers import OnLayers
from ..targets import ALL_LINEAR


class GraLoRALinear(Added):
    """y = base(x) + the blocks' sum; B starts at zero, so y as base(x).

    Shapes: A (k, in/k, r), of which A[i, :, (j, ·)] is A_ij; B (k, r, out/k), B[j, (i, ·)] is B_ij.
    """

    def __init__(self, base, rank, alpha, blocks, rng):
        super().__init__(base)
        n_in, n_out, dtype = base.in_features, base.out_features, base.dtype
        for what, size in {"in": n_in, "out": n_out}.items():
            if size % blocks:
                raise ValueError(
                    f"GraLoRA: expected blocks that divide {what} {size}, got {blocks}"
                )
        self.scale = float(alpha / rank)
        self.A = kaiming(rng, (blocks, n_in // blocks, rank), n_in // blocks, dtype)
        self.B = Parameter(np.zeros((blocks, rank, n_out // blocks), dtype))

    def branch(self, x):
        pieces = self.cut(x)  # (k, N, in/k)
        v = exchanged(pieces @ self.A.data)  # (k, N, r)
        z = self.scale * (v @ self.B.data)  # (k, N, out/k)
        return z.swapaxes(0, 1).reshape(len(x), -1), (pieces, v) if self.learns() else None

    def branch_backward(self, dz, cache, below_trains):
        dz = self.scale * self.cut(dz)
        du = exchanged(dz @ self.B.data.swapaxes(1, 2))  # undoes vB, and the exchange by itself
        if cache is not None:
            pieces, v = cache
            give(self.B, v.swapaxes(1, 2) @ dz)  # undoes vB
            give(self.A, pieces.swapaxes(1, 2) @ du)  # undoes pieces·A
        if not below_trains:
            return None
        dpieces = du @ self.A.data.swapaxes(1, 2)  # undoes pieces·A
        return dpieces.swapaxes(0, 1).reshape(dz.shape[1], -1)

    def cut(self, x):
        """(N, size) -> (k, N, size/k)"""
        return x.reshape(len(x), len(self.A.data), -1).swapaxes(0, 1)


def exchanged(u):
    """Piece i's part j becomes piece j's part i: (k, N, k·q) -> (k, N, k·q); twice is nothing."""
    k, N, r = u.shape
    return u.reshape(k, N, k, r // k).transpose(2, 1, 0, 3).reshape(k, N, r)


@dataclass(frozen=True)
class GraLoRA(OnLayers):
    """GraLoRA on `targets`; `blocks` must divide the rank, and each layer's in and out."""

    rank: int = 8
    alpha: float = 16.0
    blocks: int = 2
    targets: tuple[str, ...] | str = ALL_LINEAR

    name, rate, layer = "gralora", 1e-2, GraLoRALinear

    def __post_init__(self):
        super().__post_init__()
        if self.rank % self.blocks:
            got = f"{self.blocks} for rank {self.rank}"
            raise ValueError(f"GraLoRA: expected blocks that divide the rank, got {got}")

    def around(self, layer, rng):
        return GraLoRALinear(layer, self.rank, self.alpha, self.blocks, rng)
