"""Full fine-tuning: every number moves."""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Module
from ..targets import begin


@dataclass(frozen=True)
class FullFineTuning:
    """Train all parameters: what the other methods are measured against. A tied head stays tied."""

    name, rate = "full", 1e-3

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)
        for parameter in view.parameters():  # each once, so what is tied stays one Parameter
            parameter.train()
        return view
