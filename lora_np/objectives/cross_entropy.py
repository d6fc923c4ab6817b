"""Cross-entropy: make the target likely. Next-token prediction and classification share it."""

import numpy as np

from ..nn.functional import log_softmax


def cross_entropy(logits, batch):
    """L = −Σ w·log p[target] / Σ w, with p = softmax(logits) at each position.

    Its gradient is dlogits = w·(p − onehot(target)) / Σ w. The weights choose the positions: all
    real targets for next-token prediction, the last real token for classification. Σ w is the
    whole batch's, so the gradients of its shards add up.
    Shapes: logits and dlogits (B, T, K), batch.targets and batch.weights (B, T). L in nats.
    Raises: ValueError for logits of another shape, a target outside 0 … K − 1 that counts, or
    weights that sum to nothing.
    """
    targets, K = batch.targets, logits.shape[-1]
    if logits.shape[:-1] != targets.shape:
        raise ValueError(f"expected logits ({targets.shape}, K), got {logits.shape}")
    if not batch.total > 0:
        raise ValueError(f"the batch's weights sum to {batch.total}: no target counts")
    counted = targets[batch.weights != 0]
    if counted.size and not 0 <= counted.min() <= counted.max() < K:
        raise ValueError(
            f"expected targets from 0 to {K - 1}, got {counted.min()} to {counted.max()}"
        )
    w = batch.weights[..., None].astype(logits.dtype) / batch.total  # (B, T, 1)
    at = np.where(batch.weights != 0, targets, 0)[..., None]  # a masked target may be anything
    logp = log_softmax(logits)
    logp_target = np.take_along_axis(logp, at, axis=-1)  # (B, T, 1)
    loss = -float((w * logp_target).sum())
    dlogits = np.exp(logp, out=logp)  # p
    np.put_along_axis(dlogits, at, np.exp(logp_target) - 1, axis=-1)  # p − onehot
    dlogits *= w
    return loss, dlogits
