"""What methods share that put a layer of their own around others: checks, and the wrapping."""

from typing import Any

import numpy as np

from ..nn.module import Module
from ..system.checks import check_fields
from .targets import begin, matching_linears, wrap_each


class OnLayers:
    """A frozen dataclass of this kind writes `around(layer, rng, *common)`: what comes in the place
    of each layer of its `targets`, a `layer`. What all of them read it makes in `common`.

    Whole settings count from 1 and real ones are finite, or as `limits` says (`check_fields`).
    """

    targets: tuple[str, ...] | str
    layer: type
    limits: dict[str, Any] = {}

    def __post_init__(self):
        check_fields(self, "", **self.limits)

    def common(self, layers, rng):
        """What `around` gets beside the layer, once for all `layers`."""
        return ()

    def around(self, layer, rng, *common):
        raise NotImplementedError

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)
        layers = matching_linears(view, self.targets)
        common = self.common(list(layers.values()), rng)
        return wrap_each(view, layers, lambda name, layer: self.around(layer, rng, *common))
