"""IA3: learn one factor for each number that flows (Liu et al. 2022, arXiv 2205.05638, §3.3)."""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import LinearLike, rows
from ...nn.module import Module, Parameter, Wrapper
from ..targets import begin, matching_linears, wrap


class ScaledOutput(Wrapper, LinearLike):
    """y = base(x) · l, so W' = W·l and b' = b·l. Shapes: y (..., out), l (out,), 1 at first."""

    def __init__(self, base):
        self.base = base.freeze()
        self.l = Parameter(np.ones(base.out_features, base.dtype))

    def forward(self, x, *, rng=None):
        z, base_cache = self.base.forward(x, rng=rng)  # (..., out)
        return z * self.l.data, (base_cache, z if self.l.trainable else None)

    def backward(self, dy, cache, **below):
        base_cache, z = cache
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dy), rows(z)))  # undoes z·l: dl = Σ dy·z
        return self.base.backward(dy * self.l.data, base_cache, **below)  # undoes z·l: dz = dy·l

    def effective_weight(self):
        return self.base.effective_weight() * self.l.data  # column j times l_j

    def effective_bias(self):
        bias = self.base.effective_bias()
        return None if bias is None else bias * self.l.data


class ScaledInput(Wrapper, LinearLike):
    """y = base(x · l), so W' = l·W. Shapes: x (..., in), l (in,), 1 at first."""

    def __init__(self, base):
        self.base = base.freeze()
        self.l = Parameter(np.ones(base.in_features, base.dtype))

    def forward(self, x, *, rng=None):
        self._check(x)
        y, base_cache = self.base.forward(x * self.l.data, rng=rng)
        return y, (base_cache, x if self.l.trainable else None)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, x = cache
        dz = self.base.backward(dy, base_cache)  # undoes base(z), z = x·l
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dz), rows(x)))  # undoes x·l: dl = Σ dz·x
        return dz * self.l.data if below_trains else None  # undoes x·l: dx = dz·l

    def effective_weight(self):
        return self.l.data[:, None] * self.base.effective_weight()  # row i times l_i


@dataclass(frozen=True)
class IA3:
    """Scale the outputs of `targets` and the inputs of `feedforward` targets, as PEFT on GPT-2.

    The paper scales keys, values and the feed-forward's inner activations. GPT-2 fuses q, k and v
    in c_attn, and PEFT scales all of it: d + d + d numbers a block, and 4d before mlp.c_proj.
    An empty list stands for none.
    """

    targets: tuple[str, ...] | str = ("c_attn",)
    feedforward: tuple[str, ...] | str = ("mlp.c_proj",)

    name, rate = "ia3", 9e-2

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)
        found: set[str] = set()
        for targets, kind in (self.targets, ScaledOutput), (self.feedforward, ScaledInput):
            names = matching_linears(view, targets).keys() if targets else set()
            if found & names:
                raise ValueError(f"IA3: {', '.join(sorted(found & names))} is in both target lists")
            found |= names
            view = wrap(view, targets, kind) if targets else view
        if not found:
            raise ValueError("IA3: no targets")
        return view
