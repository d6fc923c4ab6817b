"""IA3: learn one factor for each number that flows (Liu et al. 2022, arXiv 2205.05638, §3.3).

Two modules, since a linear layer can be rescaled behind it or before it. Both are linear, so
both merge into a dense weight and cost nothing afterwards.
"""

from dataclasses import dataclass

import numpy as np

from ..nn.layers import LinearLike, rows
from ..nn.module import Parameter
from .common import begin, matching_slots, wrap


class ScaledOutput(LinearLike):
    """y = base(x) · l, so W' = W·l (column j times l_j) and b' = b·l.

    Shapes: x (..., in), l (out,), y (..., out). l starts at 1.
    """

    def __init__(self, base):
        self.base = base.freeze()
        self.l = Parameter(np.ones(base.out_features, base.dtype))

    def forward(self, x, *, rng=None):
        z, base_cache = self.base.forward(x, rng=rng)  # (..., out)
        return z * self.l.data, (base_cache, z if self.l.trainable else None)

    def backward(self, dy, cache):
        base_cache, z = cache
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dy), rows(z)))  # undoes z·l: dl = Σ dy·z
        return self.base.backward(dy * self.l.data, base_cache)  # undoes z·l: dz = dy·l

    def effective_weight(self):
        """W' = W·l  (in, out)"""
        return self.base.effective_weight() * self.l.data

    def effective_bias(self):
        bias = self.base.effective_bias()
        return None if bias is None else bias * self.l.data


class ScaledInput(LinearLike):
    """y = base(x · l), so W' = l·W (row i times l_i).

    Shapes: x (..., in), l (in,), y (..., out). l starts at 1.
    """

    def __init__(self, base):
        self.base = base.freeze()
        self.l = Parameter(np.ones(base.in_features, base.dtype))

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x * self.l.data, rng=rng)
        return y, (base_cache, x if self.l.trainable else None)

    def backward(self, dy, cache):
        base_cache, x = cache
        dz = self.base.backward(dy, base_cache)  # undoes base(z), z = x·l
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dz), rows(x)))  # undoes x·l: dl = Σ dz·x
        return dz * self.l.data  # undoes x·l: dx = dz·l

    def effective_weight(self):
        """W' = l·W  (in, out)"""
        return self.l.data[:, None] * self.base.effective_weight()


@dataclass(frozen=True)
class IA3:
    """Scale the outputs of `targets` and the inputs of `feedforward` targets, as PEFT on GPT-2.

    The paper scales keys, values and the feed-forward's inner activations. GPT-2 fuses q, k and v
    in c_attn, and PEFT scales all of it: d + d + d numbers a block, and 4d before mlp.c_proj.
    Raises: ValueError for a target that matches nothing, or one that stands in both lists.
    """

    targets: tuple[str, ...] | str = ("c_attn",)
    feedforward: tuple[str, ...] | str = ("mlp.c_proj",)

    def apply(self, model, rng=None):
        """A view of `model` with scales of 1 at its targets; nothing here is random."""
        view = begin(self, model)
        behind, before = (
            {name for name, _, _ in matching_slots(view, targets)}
            for targets in (self.targets, self.feedforward)
        )
        if behind & before:
            raise ValueError(f"IA3: {', '.join(sorted(behind & before))} is in both target lists")
        return wrap(wrap(view, self.targets, ScaledOutput), self.feedforward, ScaledInput)
