"""BitFit: the biases move and nothing else (Ben Zaken et al. 2022, arXiv 2106.10199, §3)."""

from dataclasses import dataclass

import numpy as np

from ...nn.module import Module
from ..targets import begin


@dataclass(frozen=True)
class BitFit:
    """Train every bias, LayerNorm's too: 11d in a block of width d (MLP 4d), and d in ln_f."""

    name, rate = "bitfit", 3e-2

    def apply(self, model: Module, rng: np.random.Generator | None = None) -> Module:
        view = begin(self, model)
        biases = [p for name, p in view.named_parameters() if name.split(".")[-1] == "bias"]
        if not biases:
            raise ValueError(f"BitFit: this {type(model).__name__} has no bias to train")
        for bias in biases:
            bias.train()
        return view
