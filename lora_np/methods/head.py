"""Head tuning, or feature extraction: the body is read, and only what reads it learns."""

from dataclasses import dataclass

from ..nn.gpt import GPT, Head
from .common import begin


@dataclass(frozen=True)
class HeadTuning:
    """A head of its own, logits = x Wᵀ with W (K, d); with nothing else, backward ends at it.

    `n_classes` None starts W as a copy of the head there is; K starts one for K classes (1 for a
    reward) at N(0, 0.02²).
    Raises: ValueError for an n_classes below 1, or a model that is no GPT.
    """

    n_classes: int | None = None

    def __post_init__(self):
        K = self.n_classes
        if K is not None and (isinstance(K, bool) or not isinstance(K, int) or K < 1):
            raise ValueError(f"HeadTuning: expected n_classes from 1 or None, got {K!r}")

    def apply(self, model, rng):
        """A view of `model` with a new head, untied from the embedding, that learns."""
        if not isinstance(model, GPT):
            raise ValueError(f"HeadTuning: expected a GPT, got {type(model).__name__}")
        view = begin(self, model)
        weight = view.lm_head.weight.data.copy()
        if self.n_classes is not None:
            shape = (self.n_classes, weight.shape[1])
            weight = rng.normal(0.0, 0.02, shape).astype(weight.dtype)
        view.lm_head = Head(weight)
        return view
