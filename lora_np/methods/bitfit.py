"""BitFit: the biases move and nothing else (Ben Zaken et al. 2022, arXiv 2106.10199, §3)."""

from dataclasses import dataclass

from .common import begin


@dataclass(frozen=True)
class BitFit:
    """Train every bias: y = xW + b with W frozen, and LayerNorm's b too.

    A block of width d (MLP 4d) has 11d of them, and ln_f d more.
    Raises: ValueError for a model that has no bias.
    """

    def apply(self, model, rng=None):
        """A view of `model` whose biases learn, on copies; nothing here is random."""
        view = begin(self, model)
        biases = [p for name, p in view.named_parameters() if name.split(".")[-1] == "bias"]
        if not biases:
            raise ValueError(f"BitFit: this {type(model).__name__} has no bias to train")
        for bias in biases:
            bias.train()
        return view

    def peft_config(self):
        """Nothing: every trained bias is `bias` "all", which is written for any method."""
        return {}

    peft_ignores = ()

    @classmethod
    def from_peft(cls, config, shapes, model):
        """BitFit where a file holds every bias, beside another method or alone; else None."""
        return cls() if config.get("bias") == "all" else None

    def peft_arrays(self, model):
        return {}
