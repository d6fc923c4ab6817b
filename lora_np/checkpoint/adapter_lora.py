"""What the forms of other programs share: they hold low-rank layers and nothing else."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..methods import DoRALinear, LoRALinear
from ..methods.targets import layers_of
from .safetensors_io import listed


@dataclass(frozen=True)
class Rearranged:
    """A stored tensor whose numbers lie in another order in the file than in PEFT's."""

    tensor: Any
    shape: tuple[int, ...]  # in PEFT's order
    change: Callable

    def read(self, dtype=np.float32):
        return self.change(self.tensor.read(dtype))


def low_rank_layers(model, form, DoRA):
    """{name: LoRALinear} of a model in which nothing else learns; all with DoRA's lengths, or none.

    Raises: ValueError for anything that `form` has no place for.
    """
    layers = dict(layers_of(model, LoRALinear))
    parts = [p for x in layers.values() for p in (x.A, x.B, *([x.m] if is_dora(x) else []))]
    own = {id(parameter) for parameter in parts}
    left = [n for n, p in model.named_parameters() if p.trainable and id(p) not in own]
    if left or not layers:
        raise ValueError(f"{form} holds LoRA alone, and here learns {listed(left) or 'none'}")
    lengths = {is_dora(layer) for layer in layers.values()}
    if len(lengths) > 1 or lengths == {True} and not DoRA:
        raise ValueError(f"{form} has no DoRA; `convert --rank` makes LoRA of it")
    return layers


def largest(scales):
    """Of the scales of all layers, the one furthest from 0, by which each can be divided; or 1."""
    return max(scales, key=abs) or 1.0


def is_dora(layer):
    return isinstance(layer, DoRALinear)
