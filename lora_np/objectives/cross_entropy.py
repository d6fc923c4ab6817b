"""Cross-entropy: make the target likely. Next-token prediction and classification share it."""

import numpy as np

from .log_probability import shares, target_logprobs_backward, target_logprobs_forward


def cross_entropy(logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
    """L = −Σ w·log p[target] / Σ w, with p = softmax(logits) at each position.

    Its gradient is dlogits = w·(p − onehot(target)) / Σ w. The weights choose the positions: all
    real targets for next-token prediction, the last real token for classification. Σ w is the
    whole batch's, so the gradients of its shards add up.
    Shapes: logits and dlogits (B, T, K), batch.targets and batch.weights (B, T). L in nats.
    """
    w = shares(logits, batch)  # (B, T)
    logp, cache = target_logprobs_forward(logits, batch)  # (B, T)
    loss = -float((w * logp).sum())
    return loss, target_logprobs_backward(-w, cache)
