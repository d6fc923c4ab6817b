"""Head tuning, or feature extraction: the body is read, and only what reads it learns."""

from dataclasses import dataclass

import numpy as np

from ...nn.embedding import Head
from ...nn.language_model import BodyAndHead, LanguageModel
from ...nn.module import Module
from ...system.checks import check_fields
from ..targets import begin


@dataclass(frozen=True)
class HeadTuning:
    """A head of its own, logits = x Wᵀ with W (K, d), untied from the embedding: a copy of the head
    there is, or one for K = `n_classes` (1 for a reward) that starts at N(0, 0.02²)."""

    n_classes: int | None = None

    name, rate = "head", 3e-2

    def __post_init__(self):
        check_fields(self)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        if not isinstance(model, LanguageModel):
            raise ValueError(f"HeadTuning: expected a language model, got {type(model).__name__}")
        view = begin(self, model)
        weight = np.array(view.lm_head.effective_weight(), view.ln_f.weight.dtype)
        if self.n_classes is not None:
            weight = rng.normal(0.0, 0.02, (self.n_classes, weight.shape[1])).astype(weight.dtype)
        view.lm_head = Head(weight)
        return view


def extract_features(model: Module, tokens: np.ndarray, **options) -> np.ndarray:
    """x, the numbers the head reads, so that logits = x Wᵀ; `options` go to forward.

    Train a head on them with `below_trains=False`. Shapes: tokens (B, T), x (B, T, d).
    """
    if not isinstance(model, BodyAndHead):
        raise ValueError(f"{type(model).__name__} has no head")
    return model.forward_body(tokens, keep=False, **options)[0]
