"""Bottleneck adapters: a small network in series behind a frozen sublayer.

Houlsby et al. 2019 (arXiv 1902.00751, §2.1) put one behind attention and one behind the MLP of
each block, Pfeiffer et al. 2021 (arXiv 2005.00247, §3) one behind the MLP alone. It has a
nonlinearity, so unlike LoRA it cannot be merged into a weight.
"""

import math
from dataclasses import dataclass

import numpy as np

from ...nn.block import Block
from ...nn.functional import gelu_backward, gelu_forward
from ...nn.linear import rows
from ...nn.module import Module, Parameter, Wrapper
from ...system.checks import check_fields
from ..added import give
from ..targets import begin

PLACES = {"houlsby": ("attn", "mlp"), "pfeiffer": ("mlp",)}


class Adapted(Wrapper):
    """y = a + gelu(a W_down + b_down) W_up + b_up, a = base(x): a sublayer and its adapter (§2.1).

    W_up and b_up start at zero, so y = a exactly. In code `down`, `down_bias`, `up`, `up_bias`.
    Shapes: a and y (..., d), W_down (d, width), b_down (width,), W_up (width, d), b_up (d,).
    """

    def __init__(self, base, d, width, rng, dtype):
        self.base = base
        bound = 1 / math.sqrt(d)  # as wide as LoRA's A
        self.down = Parameter(rng.uniform(-bound, bound, (d, width)).astype(dtype))
        self.down_bias = Parameter(np.zeros(width, dtype))
        self.up = Parameter(np.zeros((width, d), dtype))
        self.up_bias = Parameter(np.zeros(d, dtype))

    def forward(self, x, *, rng=None, **past):
        a, base_cache = self.base.forward(x, rng=rng, **past)  # only attention takes a past
        z = rows(a) @ self.down.data + self.down_bias.data  # (N, width)
        g, gelu_cache = gelu_forward(z)
        y = a + (g @ self.up.data + self.up_bias.data).reshape(a.shape)
        return y, (base_cache, a if self.down.trainable else None, gelu_cache, g)

    def backward(self, dy, cache, **below):
        base_cache, a, gelu_cache, g = cache
        flat = rows(dy)
        give(self.up_bias, flat.sum(axis=0))  # undoes + b_up
        give(self.up, g.T @ flat)  # undoes g W_up: dW_up = gᵀ dy
        dz = gelu_backward(flat @ self.up.data.T, gelu_cache)  # undoes W_up, then gelu
        give(self.down_bias, dz.sum(axis=0))  # undoes + b_down
        if self.down.trainable:
            self.down.accumulate(rows(a).T @ dz)  # undoes a W_down: dW_down = aᵀ dz
        da = dy + (dz @ self.down.data.T).reshape(dy.shape)  # a went two ways, so they add
        return self.base.backward(da, base_cache, **below)


@dataclass(frozen=True)
class BottleneckAdapters:
    """Adapters in each block, "houlsby" two, "pfeiffer" one; each 2·d·width + width + d numbers."""

    width: int = 8
    placement: str = "houlsby"

    name, rate = "adapters", 1e-2

    def __post_init__(self):
        check_fields(self)
        if self.placement not in tuple(PLACES):  # of a list too, which no dict can be asked for
            names, got = ", ".join(PLACES), self.placement
            raise ValueError(f"BottleneckAdapters: expected a placement among {names}, got {got!r}")

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        view = begin(self, model)
        blocks = [module for module in view.modules() if isinstance(module, Block)]
        if not blocks:
            raise ValueError(f"BottleneckAdapters: no blocks in {type(model).__name__}")
        for block in blocks:
            d, dtype = block.ln_1.weight.size, block.ln_1.weight.dtype
            for place in PLACES[self.placement]:
                setattr(block, place, Adapted(getattr(block, place), d, self.width, rng, dtype))
        return view
