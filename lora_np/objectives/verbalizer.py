"""Cross-entropy over a verbalizer: of all words, only those that name a label compete."""

from dataclasses import dataclass

import numpy as np

from .cross_entropy import cross_entropy


@dataclass(frozen=True)
class VerbalizedCrossEntropy:
    """L = −Σ w·log q[label] / Σ w, with q = softmax(logits[v(1)], …, logits[v(L)]).

    (Schick & Schütze 2021, arXiv 2001.07676, §3.1: q_p.) `tokens` is the verbalizer v: one token a
    label. The model's own head answers, so nothing starts from zero. Every other word's logit has
    no gradient, and a target is a label, not a token:
        dlogits[v(l)] = w·(q[l] − onehot(label)[l]) / Σ w
    Shapes: logits and dlogits (B, T, K), batch.targets (B, T) from 0 to L − 1. L in nats.
    """

    tokens: tuple[int, ...]

    def __post_init__(self):
        if len(self.tokens) < 2 or len(set(self.tokens)) != len(self.tokens):
            raise ValueError(f"expected 2 or more different verbalizer tokens, got {self.tokens}")

    def __call__(self, logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
        K, tokens = logits.shape[-1], list(self.tokens)
        if not 0 <= min(tokens) <= max(tokens) < K:
            raise ValueError(f"expected verbalizer tokens from 0 to {K - 1}, got {self.tokens}")
        loss, dnamed = cross_entropy(logits[..., tokens], batch)  # (B, T, L)
        dlogits = np.zeros_like(logits)
        dlogits[..., tokens] = dnamed  # undoes logits[tokens]: the other words were not read
        return loss, dlogits
