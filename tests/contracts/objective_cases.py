"""Every objective with a batch to try it on: `CASES`, for the tests, the mutants and the report."""

from dataclasses import dataclass, replace

import numpy as np

from lora_np.objectives import (
    DPO,
    PPO,
    Distillation,
    VerbalizedCrossEntropy,
    bradley_terry,
    context_distillation,
    cross_entropy,
    reverse_kl,
)
from lora_np.tasks import Batch, Pairs, PolicySamples, TaughtBatch

B, T, K = 4, 3, 5


def plain(rng, k=K):
    """float64 logits (B, T, k) and a batch with some positions masked, none of its rows empty."""
    weights = rng.uniform(0.2, 2, (B, T)) * (rng.random((B, T)) < 0.7)
    weights[:, 0] = 1.0
    tokens = np.zeros((B, T), int)
    return rng.standard_normal((B, T, k)), Batch(tokens, rng.integers(0, k, (B, T)), weights)


def labels(rng):
    """Targets are labels, 0 or 1, that the verbalizer's tokens 3 and 1 name."""
    logits, batch = plain(rng)
    return logits, replace(batch, targets=batch.targets % 2)


def with_teacher(rng):
    logits, b = plain(rng)
    return logits, TaughtBatch(b.tokens, b.targets, b.weights, rng.standard_normal((B, T, K)))


def pairs_with_reward(rng):
    logits, b = plain(rng, k=1)
    return logits, Pairs(b.tokens, b.targets, b.weights)


def pairs_with_reference(rng):
    logits, b = plain(rng)
    return logits, Pairs(b.tokens, b.targets, b.weights, -rng.uniform(1, 6, B))


def samples(rng):
    """Ratios on both sides of the clip, and none so near that a difference would cross it."""
    logits, b = plain(rng)
    logp = target_logprobs(logits, b)
    log_ratio = rng.choice([-0.7, -0.3, -0.1, 0.0, 0.1, 0.3, 0.7], (B, T))
    log_ratio += rng.uniform(0, 0.02, (B, T))
    advantages, none = rng.standard_normal(B), np.zeros(B)
    return logits, PolicySamples(
        b.tokens, b.targets, b.weights, logp - log_ratio, advantages, none, none
    )


def target_logprobs(logits, batch):
    """From the definition, with none of the project's own functions."""
    p = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    return np.log(np.take_along_axis(p, batch.targets[..., None], axis=-1)[..., 0])


@dataclass(frozen=True)
class Case:
    objective: object
    build: object  # (rng) -> (logits, batch)

    def __call__(self, seed):
        return self.build(np.random.default_rng(seed))


CASES = {
    "cross-entropy": Case(cross_entropy, plain),
    "verbalizer": Case(VerbalizedCrossEntropy((3, 1)), labels),
    "distillation": Case(Distillation(2.5), with_teacher),
    "distillation, half hard": Case(Distillation(0.7, hard=0.5), with_teacher),
    "context distillation": Case(context_distillation, with_teacher),
    "reverse KL": Case(reverse_kl, with_teacher),
    "reward model": Case(bradley_terry, pairs_with_reward),
    "PPO": Case(PPO(0.2), samples),
    "DPO": Case(DPO(0.3), pairs_with_reference),
}
