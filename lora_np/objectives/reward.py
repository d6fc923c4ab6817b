"""The reward model: learn a number for a text from which of two texts people preferred."""

import numpy as np

from ..nn.functional import log_sigmoid


def bradley_terry(logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
    """L = −Σ log sigmoid(R₊ − R₋) / pairs: sigmoid(R₊ − R₋) is the chance that + is preferred.

    (Bradley & Terry 1952; Ouyang et al. 2022, arXiv 2203.02155, §3.5, eq. 1.) The head has K = 1
    and a text's reward is R = Σ w·logits: the weights are 1 at its last real token. Rows 2i and
    2i + 1 are a pair, the preferred one first. With lead = R₊ − R₋:
        dR₊ = −sigmoid(−lead) / pairs = −dR₋,   dlogits = w·dR
    Only differences count: the same constant on both rewards changes nothing.
    Shapes: logits and dlogits (B, T, 1). `batch.total` is the whole batch's number of pairs.
    """
    expected = (*batch.weights.shape, 1)
    if logits.shape != expected:
        raise ValueError(f"bradley_terry: expected logits {expected}, K = 1, got {logits.shape}")
    check_pairs(batch)
    w = batch.weights.astype(logits.dtype)
    R = (w * logits[..., 0]).sum(axis=1)  # (B,)
    lead = R[0::2] - R[1::2]  # (pairs,)
    loss = -float(log_sigmoid(lead).sum()) / batch.total
    dlead = -np.exp(log_sigmoid(-lead)) / batch.total  # (log sigmoid(z))' = sigmoid(−z)
    dR = np.stack([dlead, -dlead], axis=1).reshape(-1)  # undoes R₊ − R₋
    return loss, (w * dR[:, None])[..., None]  # undoes R = Σ w·logits


def check_pairs(batch):
    """Raise ValueError unless rows come in pairs that shards keep together."""
    if batch.group % 2 or len(batch) % 2:
        raise ValueError(
            f"expected pairs of rows in groups of 2, got {len(batch)} rows in groups of "
            f"{batch.group}; make the batch with tasks.preferences"
        )
