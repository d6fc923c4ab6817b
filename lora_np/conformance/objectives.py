"""Objectives: what is averaged over what, and where a gradient has to vanish.

cross_entropy(logits (B, T, K), targets (B, T), counts (B, T) of 0 and 1) -> (loss, dlogits)
accumulate([(logits, targets, counts), …]) -> loss, or (loss, [dlogits, …]), of all shards together
dpo(chosen, rejected, ref_chosen, ref_rejected, beta) -> loss, of log-probabilities (n,)
ppo(logp, old_logp, advantages, clip) -> (loss, dlogp), of arrays (n,)
distillation(student, teacher, temperature) -> (loss, dlogits), of logits (B, T, K)
"""

import numpy as np

from .drawn import pairs, rows, samples
from .law import Broken, law

CE = {"lesson": 10, "draws": rows}


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def nll(logits, targets):
    """−log p[target] at each position  (B, T)"""
    return -np.log(np.take_along_axis(softmax(logits), targets[..., None], axis=-1)[..., 0])


def mean_nll(logits, targets, counts):
    return (nll(logits, targets) * counts).sum() / counts.sum()


@law("cross_entropy", "divided by another number than that of the targets that count", **CE)
def the_mean_is_over_what_counts(s, logits, targets, counts):
    """L = Σ w·(−log p[target]) / Σ w: padding and prompts, with w = 0, weigh nothing."""
    each = nll(logits, targets)
    right = mean_nll(logits, targets, counts)
    s.same("the loss", s.cross_entropy(logits, targets, counts)[0], right, {
        "divided by all positions": (each * counts).mean(),
        "masked positions are in the mean": each.mean(),
        "the sum, not the mean": (each * counts).sum(),
        "a mean of each row's mean": ((each * counts).sum(axis=1) / counts.sum(axis=1)).mean(),
        "the mask is inverted": (each * (1 - counts)).sum() / max((1 - counts).sum(), 1),
    })  # fmt: skip


@law("cross_entropy", "masked positions still push", **CE)
def what_is_masked_has_no_gradient(s, logits, targets, counts):
    """Where w is 0, dlogits is 0."""
    _, dlogits = s.cross_entropy(logits, targets, counts)
    s.same("dlogits where masked", dlogits[counts == 0], 0 * logits[counts == 0])


@law("cross_entropy", "dlogits is not w (p - onehot) / Σ w", **CE)
def dlogits_is_p_less_onehot(s, logits, targets, counts):
    """dlogits = w·(softmax(logits) − onehot(target)) / Σ w."""
    gap = softmax(logits) - np.eye(logits.shape[-1])[targets]
    right = counts[..., None] * gap / counts.sum()
    s.same("dlogits", s.cross_entropy(logits, targets, counts)[1], right, {
        "not divided by Σ w": right * counts.sum(),
        "divided by all positions": right * counts.sum() / counts.size,
        "the sign is wrong": -right,
    })  # fmt: skip


@law("cross_entropy", "the largest logit is not taken off before exp", **CE)
def large_logits_are_no_trouble(s, logits, targets, counts):
    """Adding a constant to all logits changes nothing: no exp overflows, and not all vanish."""
    right = mean_nll(logits, targets, counts)
    for added in (1000, -1000):
        loss, _ = s.cross_entropy(logits + added, targets, counts)
        s.same(f"the loss with {added} added to all logits", loss, right, tolerance=1e-3)


@law("accumulate", "each shard divides by its own count: the mean of means", **CE)
def shards_add_up_to_the_whole(s, logits, targets, counts):
    """Accumulated over shards, loss and gradient are those of the whole batch: every shard divides
    by the whole batch's Σ w (what several trainers did not do until October 2024)."""
    shards = [
        (logits[i : i + 1], targets[i : i + 1], counts[i : i + 1]) for i in range(len(logits))
    ]
    result = s.accumulate(shards)
    loss, parts = result if isinstance(result, tuple) else (result, None)
    means = [mean_nll(*shard) for shard in shards]
    s.same("the loss of all shards", loss, mean_nll(logits, targets, counts), {
        "the mean of the shards' means": np.mean(means), "the sum of the shards' means": sum(means),
    })  # fmt: skip
    if parts is not None:
        gap = softmax(logits) - np.eye(logits.shape[-1])[targets]
        right = counts[..., None] * gap / counts.sum()
        own = counts[..., None] * gap / counts.sum(axis=1)[:, None, None]
        s.same("dlogits of all shards", np.concatenate(parts), right, {
            "each shard divides by its own count": own / len(shards), "no division": own,
        })  # fmt: skip


@law("dpo", "the reference is left out", 10.5, draws=pairs)
def dpo_starts_at_log_two(s, chosen, rejected, beta):
    """Where the policy is its reference, no pair tells more than a coin: L = log 2."""
    s.same("the loss at the reference", s.dpo(chosen, rejected, chosen, rejected, beta), np.log(2))


@law("dpo", "beta or the reference is used otherwise", 10.5, draws=pairs)
def swapping_a_pair_gives_the_margin_back(s, chosen, rejected, ref_chosen, ref_rejected, beta):
    """L(swapped) − L = β·(Δ₊ − Δ₋), Δ = log π − log π_ref: for log σ(h) − log σ(−h) = h."""
    right = beta * ((chosen - ref_chosen) - (rejected - ref_rejected)).mean()
    loss = s.dpo(chosen, rejected, ref_chosen, ref_rejected, beta)
    swapped = s.dpo(rejected, chosen, ref_rejected, ref_chosen, beta)
    s.same("L of the swapped pairs, less L", swapped - loss, right, {
        "chosen and rejected are swapped": -right,
        "beta is missing": right / beta,
        "the reference is left out": beta * (chosen - rejected).mean(),
        "the reference is added": beta * (chosen + ref_chosen - rejected - ref_rejected).mean(),
        "summed over the pairs": right * len(chosen),
    })  # fmt: skip


@law("ppo", "the clip is one-sided, or a maximum of losses a minimum", 10.5, draws=samples)
def ppo_takes_the_lesser_gain(s, logp, old_logp, advantages, clip):
    """L = −mean of min(ρA, clip(ρ, 1 − ε, 1 + ε)·A): the pessimistic of the two."""
    ratio = np.exp(logp - old_logp)
    free, clipped = ratio * advantages, np.clip(ratio, 1 - clip, 1 + clip) * advantages
    right = -np.minimum(free, clipped).mean()
    s.same("the loss", s.ppo(logp, old_logp, advantages, clip)[0], right, {
        "always clipped": -clipped.mean(), "never clipped": -free.mean(),
        "the greater gain is taken": -np.maximum(free, clipped).mean(), "the sign": -right,
    })  # fmt: skip


@law(
    "ppo", "a clipped sample still pushes, or one that may come back does not", 10.5, draws=samples
)
def ppo_rests_exactly_where_the_clip_binds(s, logp, old_logp, advantages, clip):
    """The gradient is 0 where ρ left [1 − ε, 1 + ε] the way A asks for, and nowhere else."""
    _, dlogp = s.ppo(logp, old_logp, advantages, clip)
    ratio = np.exp(logp - old_logp)
    above, below = ratio > 1 + clip, ratio < 1 - clip
    binds = (advantages > 0) & above | (advantages < 0) & below
    if not np.array_equal(dlogp == 0, binds):
        told = "whatever lies outside rests" if np.array_equal(dlogp == 0, above | below) else None
        raise Broken("where the gradient is zero", dlogp == 0, binds, told)


@law("ppo", "the ratio or the mean is missing", 10.5, draws=samples)
def ppo_starts_as_the_policy_gradient(s, logp, advantages, clip):
    """Where π is π_old, dL/dlog π = −A/n: REINFORCE with a baseline."""
    right = -advantages / len(logp)
    s.same("dlogp at the old policy", s.ppo(logp, logp, advantages, clip)[1], right, {
        "the sign is wrong": -right, "summed, not averaged": right * len(logp),
    })  # fmt: skip


@law("distillation", "the loss has a part that does not depend on the student", **CE)
def distillation_is_zero_at_the_teacher(s, teacher, temperature):
    """KL, not cross-entropy: nothing is left to learn where the student is its teacher."""
    loss, dlogits = s.distillation(teacher, teacher, temperature)
    s.same("the loss of the teacher itself", loss, 0.0)
    s.same("dlogits of the teacher itself", dlogits, 0 * teacher)


@law("distillation", "T² is missing, or the mean is over other things", **CE)
def distillation_keeps_its_size_at_any_temperature(s, logits, teacher, temperature):
    """L = T²·KL(q ‖ p), so dlogits = T·(p − q) a position (Hinton et al. 2015, §2): without T²
    the gradient shrinks as 1/T², and raising T is lowering the rate in disguise."""
    p, q = softmax(logits / temperature), softmax(teacher / temperature)
    positions, K = logits[..., 0].size, logits.shape[-1]
    right = temperature * (p - q) / positions
    kl = (p * np.log(p / q)).sum(axis=-1, keepdims=True)
    s.same("dlogits", s.distillation(logits, teacher, temperature)[1], right, {
        "T² is missing": right / temperature**2,
        "T in place of T²": right / temperature,
        "divided by the classes too (KLDivLoss's 'mean')": right / K,
        "summed over the positions": right * positions,
        "divided by the rows only ('batchmean')": right * positions / len(logits),
        "KL(student ‖ teacher): the other way round":
            temperature * p * (np.log(p / q) - kl) / positions,
        "the temperature softens the student alone":
            temperature * (p - softmax(teacher)) / positions,
    })  # fmt: skip
