"""Proximal policy optimization: more of what scored above its group's mean, in small steps."""

from dataclasses import dataclass

import numpy as np

from ..system.checks import check_real, check_whole
from .log_probability import shares, target_logprobs_backward, target_logprobs_forward


@dataclass(frozen=True)
class PPO:
    """L = −Σ w·min(ρÂ, clip(ρ, 1 − clip, 1 + clip)·Â) / Σ w, ρ = π(token) / π_old(token).

    (Schulman et al. 2017, arXiv 1707.06347, §3, eq. 7.) Samples come from π_old; ρ corrects for
    how far π has moved since. Where ρ has left [1 − clip, 1 + clip] in the direction that Â asks
    for, the minimum takes the flat branch and the gradient is exactly 0. Elsewhere
        dlogits = −w·ρ·Â·(onehot(target) − p) / Σ w
    Together with `group_advantages` this is PPO's clip with GRPO's group baseline, and no critic.
    InstructGPT (Ouyang et al. 2022, §3.5) has one: its baseline is a learned value function (with
    generalized advantage estimation), so each token has an advantage of its own; it also spreads
    the penalty over the tokens and mixes in next-token prediction on the pre-training text.
    Shapes: logits and dlogits (B, T, K), batch.old_logprobs (B, T) in nats, batch.advantages (B,).
    """

    clip: float = 0.2

    def __post_init__(self):
        check_real("PPO: expected clip", self.clip)

    def __call__(self, logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
        w = shares(logits, batch)  # (B, T)
        logp, cache = target_logprobs_forward(logits, batch)
        advantage = batch.advantages.astype(logits.dtype)[:, None]  # Â (B, 1): one a text
        ratio = np.exp(logp - batch.old_logprobs.astype(logits.dtype))  # ρ (B, T)
        free = ratio * advantage
        clipped = np.clip(ratio, 1 - self.clip, 1 + self.clip) * advantage
        loss = -float((w * np.minimum(free, clipped)).sum())
        dratio = (
            -w * advantage * (free <= clipped)
        )  # undoes the minimum: its clipped branch is flat
        dlogp = dratio * ratio  # undoes exp
        return loss, target_logprobs_backward(dlogp, cache)


def group_advantages(
    rewards: np.ndarray, log_ratios: np.ndarray, beta: float, group: int
) -> np.ndarray:
    """Â = R − mean of R over the group, R = reward − β·log(π(y | x) / π_ref(y | x)).

    `group` neighbours answer the same prompt, and their mean is the baseline, as in GRPO (Shao et
    al. 2024, arXiv 2402.03300, §4.1.1), which also divides by the group's standard deviation and
    puts the KL into the loss; here Â keeps the reward's unit. The mean includes the text's own R:
    Â = (G − 1)/G times R − the mean of the other G − 1. Over samples from π the mean of R is the
    expected reward minus β·KL(π ‖ π_ref), the quantity that RLHF maximizes.
    Shapes: rewards, log_ratios (in nats) and Â (B,).
    """
    check_real("expected beta", beta, "from 0")
    check_whole("expected a group", group, 2)
    if len(rewards) % group:
        raise ValueError(f"expected groups of 2 or more in {len(rewards)} samples, got {group}")
    R = rewards - beta * log_ratios  # (B,)
    if not np.isfinite(R).all():
        raise ValueError("expected rewards and log-probabilities that are finite")
    grouped = R.reshape(-1, group)
    return (grouped - grouped.mean(axis=1, keepdims=True)).reshape(-1)
