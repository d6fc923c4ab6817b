"""The log-probability of each target, with its backward: what most objectives are made of."""

import numpy as np

from ..nn.functional import log_softmax


def shares(logits, batch):
    """w = batch.weights / batch.total: how much each position counts, in the logits' dtype.

    Shapes: logits (B, T, K), w (B, T).
    """
    if logits.shape[:-1] != batch.targets.shape:
        raise ValueError(f"expected logits ({batch.targets.shape}, K), got {logits.shape}")
    if not batch.total > 0:
        raise ValueError(f"the batch's weights sum to {batch.total}: no target counts")
    return batch.weights.astype(logits.dtype) / batch.total


def target_logprobs_forward(logits, batch):
    """log p[target], p = softmax(logits), at each position that counts; 0 at the others.

    Shapes: logits (B, T, K), log p (B, T). In nats.
    """
    shares(logits, batch)
    counts, targets, K = batch.weights != 0, batch.targets, logits.shape[-1]
    seen = targets[counts]
    if seen.size and not 0 <= seen.min() <= seen.max() < K:
        raise ValueError(f"expected targets from 0 to {K - 1}, got {seen.min()} to {seen.max()}")
    at = np.where(counts, targets, 0)[..., None]  # a masked target may be anything
    logp_all = log_softmax(logits)  # (B, T, K)
    logp = np.take_along_axis(logp_all, at, axis=-1)[..., 0]  # (B, T)
    return np.where(counts, logp, 0), (logp_all, logp, at)


def target_logprobs_backward(dlogp, cache):
    """Undoes log p[target]: dlogits = dlogp·(onehot(target) − p). `dlogp` is 0 where masked."""
    logp_all, logp, at = cache
    dlogits = np.exp(logp_all)  # p
    np.put_along_axis(dlogits, at, (np.exp(logp) - 1)[..., None], axis=-1)  # p − onehot
    dlogits *= -dlogp[..., None]
    return dlogits
