"""Head tuning, or feature extraction: the body is read, and only what reads it learns."""

from dataclasses import dataclass

import numpy as np

from ..nn.language_model import Head, LanguageModel
from .common import begin


@dataclass(frozen=True)
class HeadTuning:
    """A head of its own, logits = x Wᵀ with W (K, d); with nothing else, backward ends at it.

    `n_classes` None starts W as a copy of the head there is; K starts one for K classes (1 for a
    reward) at N(0, 0.02²).
    Raises: ValueError for an n_classes below 1, or another kind of model.
    """

    n_classes: int | None = None

    def __post_init__(self):
        K = self.n_classes
        if K is not None and (isinstance(K, bool) or not isinstance(K, int) or K < 1):
            raise ValueError(f"HeadTuning: expected n_classes from 1 or None, got {K!r}")

    def apply(self, model, rng):
        """A view of `model` with a new head, untied from the embedding, that learns."""
        if not isinstance(model, LanguageModel):
            raise ValueError(f"HeadTuning: expected a language model, got {type(model).__name__}")
        view = begin(self, model)
        weight = np.array(view.lm_head.effective_weight(), view.ln_f.weight.dtype)
        if self.n_classes is not None:
            shape = (self.n_classes, weight.shape[1])
            weight = rng.normal(0.0, 0.02, shape).astype(weight.dtype)
        view.lm_head = Head(weight)
        return view

    def peft_config(self):
        """PEFT saves a trained head whole; one for classes is `score`, as transformers calls it."""
        if self.n_classes is None:
            return {"modules_to_save": ["lm_head"]}
        return {"modules_to_save": ["score"], "task_type": "SEQ_CLS"}

    peft_ignores = ()

    @classmethod
    def from_peft(cls, config, shapes, model):
        """HeadTuning if the file holds a head, else None. `shapes` are its {name: shape}."""
        saved = config.get("modules_to_save") or []
        if "lm_head" in saved:
            return cls()
        if "score" not in saved:
            return None
        d = model.config.n_embd
        shape = shapes.get("score.weight")
        if shape is None or shape[1:] != (d,):
            raise ValueError(f"expected score.weight of shape (classes, {d}), got {shape}")
        return cls(n_classes=shape[0])

    def peft_arrays(self, model):
        """{PEFT's name: the array}, a view: writing to it loads it."""
        name = "lm_head" if self.n_classes is None else "score"
        weight = dict(model.named_parameters())["lm_head.weight"]  # behind a prompt too
        return {f"{name}.weight": weight.data}
