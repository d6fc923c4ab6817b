"""Direct preference optimization: learn from pairs with neither a reward model nor sampling."""

from dataclasses import dataclass

import numpy as np

from ..nn.functional import log_sigmoid
from ..system.checks import check_real
from .log_probability import target_logprobs_backward, target_logprobs_forward
from .reward import check_pairs


@dataclass(frozen=True)
class DPO:
    """L = −Σ log sigmoid(β·(Δ₊ − Δ₋)) / pairs, Δ = log π(y | x) − log π_ref(y | x).

    (Rafailov et al. 2023, arXiv 2305.18290, §4, eq. 7.) The Bradley-Terry loss, with β·Δ in the
    place of the reward. log π(y | x) is the *sum* over the completion's tokens. A small β lets
    the policy go far from the reference. With lead = β·(Δ₊ − Δ₋):
        dlog π(y₊ | x) = −β·sigmoid(−lead) / pairs,   dlogits = w·dlog π·(onehot(target) − p)
    and the opposite sign for y₋. Rows and `batch.total` are as `bradley_terry` takes them.
    Shapes: logits and dlogits (B, T, K), batch.reference_logprobs (B,) in nats.
    """

    beta: float = 0.1

    def __post_init__(self):
        check_real("DPO: expected beta", self.beta)

    def __call__(self, logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
        check_pairs(batch)
        logp, cache = target_logprobs_forward(logits, batch)  # (B, T)
        w = batch.weights.astype(logits.dtype)
        log_pi = (w * logp).sum(axis=1)  # (B,)
        delta = log_pi - batch.reference_logprobs.astype(logits.dtype)
        lead = self.beta * (delta[0::2] - delta[1::2])  # (pairs,)
        loss = -float(log_sigmoid(lead).sum()) / batch.total
        dlead = -np.exp(log_sigmoid(-lead)) / batch.total  # (log sigmoid(z))' = sigmoid(−z)
        dlog_pi = self.beta * np.stack([dlead, -dlead], axis=1).reshape(-1)  # undoes β·(Δ₊ − Δ₋)
        return loss, target_logprobs_backward(w * dlog_pi[:, None], cache)  # undoes Σ w·log p
