"""IA3: learn one factor for each number that flows (Liu et al. 2022, arXiv 2205.05638, §3.3).

Two modules, since a linear layer can be rescaled behind it or before it. Both are linear, so
both merge into a dense weight and cost nothing afterwards.
"""

from dataclasses import dataclass

import numpy as np

from ..nn.layers import LinearLike, rows
from ..nn.module import Parameter
from .common import begin, layers_of, matching_slots, wrap


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

    def backward(self, dy, cache, **below):
        base_cache, z = cache
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dy), rows(z)))  # undoes z·l: dl = Σ dy·z
        return self.base.backward(dy * self.l.data, base_cache, **below)  # undoes z·l: dz = dy·l

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

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, x = cache
        dz = self.base.backward(dy, base_cache)  # undoes base(z), z = x·l
        if self.l.trainable:
            self.l.accumulate(np.einsum("ni,ni->i", rows(dz), rows(x)))  # undoes x·l: dl = Σ dz·x
        return dz * self.l.data if below_trains else None  # undoes x·l: dx = dz·l

    def effective_weight(self):
        """W' = l·W  (in, out)"""
        return self.l.data[:, None] * self.base.effective_weight()


@dataclass(frozen=True)
class IA3:
    """Scale the outputs of `targets` and the inputs of `feedforward` targets, as PEFT on GPT-2.

    The paper scales keys, values and the feed-forward's inner activations. GPT-2 fuses q, k and v
    in c_attn, and PEFT scales all of it: d + d + d numbers a block, and 4d before mlp.c_proj.
    An empty list stands for none.
    Raises: ValueError for a target that matches nothing, or one that stands in both lists.
    """

    targets: tuple[str, ...] | str = ("c_attn",)
    feedforward: tuple[str, ...] | str = ("mlp.c_proj",)

    def apply(self, model, rng=None):
        """A view of `model` with scales of 1 at its targets; nothing here is random."""
        view, both = begin(self, model), (self.targets, self.feedforward)
        behind, before = (
            {name for name, _, _ in (matching_slots(view, targets) if targets else ())}
            for targets in both
        )
        if behind & before:
            raise ValueError(f"IA3: {', '.join(sorted(behind & before))} is in both target lists")
        if not behind | before:
            raise ValueError("IA3: no targets")
        for targets, kind in zip(both, (ScaledOutput, ScaledInput)):
            view = wrap(view, targets, kind) if targets else view
        return view

    def peft_config(self):
        """Its part of PEFT's adapter_config.json: the feed-forward targets are in both lists."""
        behind, before = (
            [targets] if isinstance(targets, str) else list(targets)
            for targets in (self.targets, self.feedforward)
        )
        return {
            "peft_type": "IA3",
            "target_modules": behind + before,
            "feedforward_modules": before,
            "fan_in_fan_out": True,  # GPT-2's weights are (in, out)
            "init_ia3_weights": True,
        }

    peft_ignores = ()

    @classmethod
    def from_peft(cls, config, shapes, model):
        """The IA3 of a PEFT file, or None; what is scaled shows in the shapes of its tensors."""
        if config.get("peft_type") != "IA3":
            return None
        targets = config.get("target_modules") or ["c_attn", "mlp.c_proj"]  # PEFT's for a GPT-2
        before = config.get("feedforward_modules")
        before = ["mlp.c_proj"] if before is None else before
        if not (isinstance(targets, list) and isinstance(before, list)):  # patterns
            ours = {name.removesuffix(".ia3_l"): shape for name, shape in shapes.items()}
            before = [name for name, shape in ours.items() if shape[0] == 1]
            targets = list(ours)
        if not all(isinstance(name, str) for name in targets + before):
            raise ValueError(f"expected names of layers, got {targets!r} and {before!r}")
        behind = tuple(target for target in targets if target not in before)
        return cls(behind, tuple(before))

    def peft_arrays(self, model):
        """{PEFT's name: the scales}, views: (out, 1) behind a layer, (1, in) before one."""
        after, before = (layers_of(model, kind) for kind in (ScaledOutput, ScaledInput))
        arrays = {f"{name}.ia3_l": layer.l.data[:, None] for name, layer in after}
        return arrays | {f"{name}.ia3_l": layer.l.data[None, :] for name, layer in before}
