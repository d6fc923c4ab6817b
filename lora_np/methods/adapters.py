"""Bottleneck adapters: a small network in series behind a frozen sublayer.

Houlsby et al. 2019 (arXiv 1902.00751, §2.1) put one behind attention and one behind the MLP of
each block, Pfeiffer et al. 2021 (arXiv 2005.00247, §3) one behind the MLP alone. It bends through
a nonlinearity, so unlike LoRA it cannot be merged into a weight.
"""

import math
from dataclasses import dataclass

import numpy as np

from ..nn.block import Block
from ..nn.functional import gelu_backward, gelu_forward
from ..nn.layers import rows
from ..nn.module import Module, Parameter
from .common import begin, layers_of

PLACES = {"houlsby": ("attn", "mlp"), "pfeiffer": ("mlp",)}


class Adapted(Module):
    """y = a + gelu(a D + b) U + c, with a = base(x): a sublayer and its adapter (Houlsby, §2.1).

    U and c start at zero, so y = a exactly. D, b, U, c are `down`, `down_bias`, `up`, `up_bias`.
    Shapes: a and y (..., d), D (d, width), b (width,), U (width, d), c (d,).
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
        """What the base's backward returns: dx, for attention with its dpast."""
        base_cache, a, gelu_cache, g = cache
        flat = rows(dy)
        if self.up_bias.trainable:
            self.up_bias.accumulate(flat.sum(axis=0))  # undoes + c
        if self.up.trainable:
            self.up.accumulate(g.T @ flat)  # undoes gU: dU = gᵀ dy
        dz = gelu_backward(flat @ self.up.data.T, gelu_cache)  # undoes gU, then gelu
        if self.down_bias.trainable:
            self.down_bias.accumulate(dz.sum(axis=0))  # undoes + b
        if self.down.trainable:
            self.down.accumulate(rows(a).T @ dz)  # undoes aD: dD = aᵀ dz
        da = dy + (dz @ self.down.data.T).reshape(dy.shape)  # a went two ways, so they add
        return self.base.backward(da, base_cache, **below)


@dataclass(frozen=True)
class BottleneckAdapters:
    """Adapters of `width` in every block: "houlsby" places two a block, "pfeiffer" one.

    Each has 2·d·width + width + d numbers.
    Raises: ValueError for a width below 1, another placement, or a model without blocks.
    """

    width: int = 8
    placement: str = "houlsby"

    def __post_init__(self):
        if isinstance(self.width, bool) or not isinstance(self.width, int) or self.width < 1:
            raise ValueError(f"BottleneckAdapters: expected a width from 1, got {self.width!r}")
        if self.placement not in PLACES:
            raise ValueError(
                f"BottleneckAdapters: expected a placement among {', '.join(PLACES)}, "
                f"got {self.placement!r}"
            )

    def apply(self, model, rng):
        """A view of `model` with an adapter behind its sublayers; `model` itself is untouched."""
        view = begin(self, model)
        blocks = [module for module in view.modules() if isinstance(module, Block)]
        if not blocks:
            raise ValueError(f"BottleneckAdapters: no blocks in {type(model).__name__}")
        for block in blocks:
            norm = block.ln_1.weight
            for place in PLACES[self.placement]:
                sublayer = getattr(block, place)
                setattr(block, place, Adapted(sublayer, norm.size, self.width, rng, norm.dtype))
        return view

    def peft_config(self):
        """Its settings, in the form of PEFT's files; PEFT itself has no bottleneck adapters."""
        return {
            "peft_type": "LORA_NP",
            "adapter_width": self.width,
            "adapter_placement": self.placement,
        }

    peft_ignores = ()

    @classmethod
    def from_peft(cls, config, shapes, model):
        """The adapters that a config of this library describes, or None."""
        if "adapter_width" in config:
            return cls(config["adapter_width"], config.get("adapter_placement", "houlsby"))

    def peft_arrays(self, model):
        """{name: array} of every adapter, views."""
        return {
            f"{name}.{part}": getattr(layer, part).data
            for name, layer in layers_of(model, Adapted)
            for part in ("down", "down_bias", "up", "up_bias")
        }
