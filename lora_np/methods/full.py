"""Full fine-tuning: every number moves."""

from dataclasses import dataclass

from .common import begin


@dataclass(frozen=True)
class FullFineTuning:
    """Train all parameters, W ← W − lr·dW for each: what the other methods are measured against.

    A tied head stays tied.
    """

    def apply(self, model, rng=None):
        """A view of `model` in which everything learns, on copies; nothing here is random."""
        view = begin(self, model)
        for parameter in view.parameters():  # each once, so what is tied stays one Parameter
            parameter.train()
        return view
