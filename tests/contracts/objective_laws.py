"""The laws of objectives as functions (objective, case, seed); `LAWS` says which each obeys."""

from dataclasses import replace

import numpy as np

from contracts.laws import TOLERANCE, close
from contracts.objective_cases import B, K, T, target_logprobs
from lora_np.gradcheck import check_objective
from lora_np.objectives import Distillation, cross_entropy
from lora_np.tasks import Pairs


def gradient_matches_differences(objective, case, seed):
    error = check_objective(objective, *case(seed))
    assert error <= TOLERANCE, f"relative error {error:.3g}"


def shards_add_up(objective, case, seed):
    """Shards give the whole batch's dlogits to the bit, and losses that sum to its loss."""
    logits, batch = case(seed)
    loss, dlogits = objective(logits, batch)
    for n in (2, 4):
        start, losses, parts = 0, [], []
        for shard in batch.split(n):
            part, dpart = objective(logits[start : start + len(shard)], shard)
            start += len(shard)
            losses.append(part)
            parts.append(dpart)
        assert np.array_equal(np.concatenate(parts), dlogits)
        close(np.array(sum(losses)), np.array(loss), "the sum of the shards' losses")


def masked_positions_do_not_count(objective, case, seed):
    logits, batch = case(seed)
    loss, dlogits = objective(logits, batch)
    masked = batch.weights == 0
    batch.targets[masked], logits[masked] = -100, 30.0
    again, dagain = objective(logits, batch)
    assert not dlogits[masked].any() and not dagain[masked].any()
    close(np.array(again), np.array(loss), "the loss with other masked logits", 1e-13)


def inputs_are_left_alone_and_float32_stays(objective, case, seed):
    logits, batch = case(seed)
    fresh_logits, fresh = case(seed)
    _, dlogits = objective(logits, batch)
    assert np.array_equal(logits, fresh_logits)
    for name in batch.arrays():
        assert np.array_equal(getattr(batch, name), getattr(fresh, name)), name
    loss32, dlogits32 = objective(logits.astype(np.float32), batch)
    assert dlogits32.dtype == np.float32 and type(loss32) is float
    close(dlogits32, dlogits, "dlogits in float32", 1e-5)


def shifted_logits_are_the_same(objective, case, seed):
    """A softmax sees only differences: a constant on a position changes nothing, rows sum to 0."""
    logits, batch = case(seed)
    loss, dlogits = objective(logits, batch)
    again, _ = objective(logits + np.arange(T)[:, None], batch)
    close(np.array(again), np.array(loss), "the loss of shifted logits")
    assert np.abs(dlogits.sum(axis=-1)).max() < 1e-14


def only_words_that_name_a_label_compete(objective, case, seed):
    """It is cross-entropy on the tokens 3 and 1 where all other logits are very low."""
    logits, batch = case(seed)
    loss, dlogits = objective(logits, batch)
    others = [0, 2, 4]
    low = logits.copy()
    low[..., others] = -1e3
    named = replace(batch, targets=np.array([3, 1])[batch.targets])
    expected, dexpected = cross_entropy(low, named)
    close(np.array(loss), np.array(expected), "the loss")
    close(dlogits, dexpected, "dlogits")
    assert not dlogits[..., others].any()
    logits[..., others] += 5
    assert objective(logits, batch)[0] == loss


def zero_at_teacher_is_student(objective, case, seed):
    logits, batch = case(seed)
    loss, dlogits = objective(batch.teacher_logits.copy(), batch)
    assert loss == 0 and not dlogits.any()
    assert objective(logits, batch)[0] > 0


def it_is_the_definition(objective, case, seed):
    """Σ w·Σ p·log(p/q), from softmax's definition."""
    logits, batch = case(seed)
    p, q = (
        np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True) for z in (logits, batch.teacher_logits)
    )
    expected = (batch.weights / batch.total * (p * np.log(p / q)).sum(axis=-1)).sum()
    close(np.array(objective(logits, batch)[0]), expected, "the loss")


def gradient_keeps_its_size_at_any_temperature(objective, case, seed):
    """For T → ∞, dlogits → w·(z − v)/K with centred z and v: Hinton et al. 2015, §2.1, eq. 4,
    times T². So T² is neither missing nor too much."""
    logits, batch = case(seed)
    hot = replace(objective, temperature=1e5) if isinstance(objective, Distillation) else objective
    _, dlogits = hot(logits, batch)
    gap = logits - batch.teacher_logits
    gap -= gap.mean(axis=-1, keepdims=True)
    close(dlogits, (batch.weights / batch.total)[..., None] * gap / K, "the limit", 1e-3)


def swapping_a_pair_flips_the_difference(objective, case, seed):
    """log σ(h) − log σ(−h) = h, so two losses give h back, and dlogits' sign turns."""
    logits, batch = case(seed)
    order = [1, 0, 3, 2]
    swapped = replace(batch, **{name: getattr(batch, name)[order] for name in batch.arrays()})
    h = objective(logits[order], swapped)[0] - objective(logits, batch)[0]  # mean of h
    close(np.array(h), np.array(mean_h(objective, logits, batch)), "the loss of swapped pairs")


def mean_h(objective, logits, batch):
    """The mean over pairs of what stands inside log σ, from the definition."""
    if logits.shape[-1] == 1:
        value = (batch.weights * logits[..., 0]).sum(axis=1)
    else:
        counted = np.where(batch.weights > 0, target_logprobs(logits, batch), 0)
        value = 0.3 * ((batch.weights * counted).sum(axis=1) - batch.reference_logprobs)
    return (value[0::2] - value[1::2]).mean()


def only_differences_count(objective, case, seed):
    """The same constant on both rewards of a pair changes nothing."""
    logits, batch = case(seed)
    last = np.zeros((B, T))
    last[:, 0] = 1
    batch = Pairs(batch.tokens, batch.targets, last)
    loss, dlogits = objective(logits, batch)
    again, _ = objective(logits + 7, batch)
    close(np.array(again), np.array(loss), "the loss of shifted rewards")
    assert np.abs(dlogits[0::2] + dlogits[1::2]).max() < 1e-15
    assert (dlogits[0::2, 0] < 0).all(), "the preferred text's reward must rise"


def starts_at_log_two(objective, case, seed):
    """Where the policy is the reference, L = log 2 and dlogits is ±½·β·w·(onehot − p) / pairs."""
    logits, batch = case(seed)
    logp = np.where(batch.weights > 0, target_logprobs(logits, batch), 0)
    batch = replace(batch, reference_logprobs=(batch.weights * logp).sum(axis=1))
    loss, dlogits = objective(logits, batch)
    close(np.array(loss), np.array(np.log(2)), "the loss at the reference")
    sign = np.array([-1, 1, -1, 1])[:, None]
    expected = sign * 0.5 * 0.3 * batch.weights / 2
    close(dlogits, expected[..., None] * onehot_minus_p(logits, batch), "dlogits at the reference")


def starts_as_policy_gradient(objective, case, seed):
    """Where π is π_old, dlogits = −w·A·(onehot − p): REINFORCE with a baseline."""
    logits, batch = case(seed)
    batch = replace(batch, old_logprobs=target_logprobs(logits, batch))
    weight = -(batch.weights / batch.total) * batch.advantages[:, None]
    expected = weight[..., None] * onehot_minus_p(logits, batch)
    close(objective(logits, batch)[1], expected, "dlogits at the old policy")


def zero_exactly_where_the_clip_binds(objective, case, seed):
    logits, batch = case(seed)
    ratio = np.exp(target_logprobs(logits, batch) - batch.old_logprobs)
    A = batch.advantages[:, None] * np.ones_like(ratio)
    binds = ((A > 0) & (ratio > 1.2)) | ((A < 0) & (ratio < 0.8))
    moved = objective(logits, batch)[1].any(axis=-1)
    assert np.array_equal(moved, ~binds & (batch.weights > 0))


def onehot_minus_p(logits, batch):
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return np.eye(K)[batch.targets] - p


COMMON = [
    gradient_matches_differences,
    shards_add_up,
    masked_positions_do_not_count,
    inputs_are_left_alone_and_float32_stays,
]
SOFTMAX = [*COMMON, shifted_logits_are_the_same]
LAWS = {
    "cross-entropy": SOFTMAX,
    "verbalizer": [*SOFTMAX, only_words_that_name_a_label_compete],
    "distillation": [
        *SOFTMAX,
        zero_at_teacher_is_student,
        gradient_keeps_its_size_at_any_temperature,
    ],
    "distillation, half hard": SOFTMAX,
    "context distillation": [*SOFTMAX, zero_at_teacher_is_student],
    "reverse KL": [*SOFTMAX, zero_at_teacher_is_student, it_is_the_definition],
    "reward model": [*COMMON, swapping_a_pair_flips_the_difference, only_differences_count],
    "PPO": [*SOFTMAX, starts_as_policy_gradient, zero_exactly_where_the_clip_binds],
    "DPO": [*SOFTMAX, swapping_a_pair_flips_the_difference, starts_at_log_two],
}
