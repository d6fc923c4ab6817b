"""Preference pairs: of two texts, which one is better, with the noise of human judgement."""

from dataclasses import dataclass, field

import numpy as np

from ..nn.module import Module
from ..system.checks import check_real
from .batch import Batch, classification, completion
from .reference import check_same_vocabulary, token_logprobs


@dataclass(eq=False)
class Pairs(Batch):
    """Rows 2i and 2i + 1 are a pair, the preferred text first; shards never part them.

    `total` is the number of pairs.
    Shapes: B is even; reference_logprobs (B,), log π_ref of each text's completion in nats.
    """

    reference_logprobs: np.ndarray | None = None
    group: int = field(default=2, kw_only=True)

    def __post_init__(self):
        if self.total is None:
            self.total = len(self) / 2
        super().__post_init__()


def noisy_preferences(rewards: np.ndarray, noise: float, rng: np.random.Generator) -> np.ndarray:
    """An order of rows that puts the preferred one of rows 2i and 2i + 1 first.

    Text a wins with probability σ((r_a − r_b)/noise), the Bradley-Terry model; noise 0 prefers
    the higher reward, and a coin decides between equals.
    Shapes: rewards and the order (B,), with B even.
    """
    rewards = np.asarray(rewards, np.float64)
    if rewards.ndim != 1 or len(rewards) % 2 or not np.isfinite(rewards).all():
        raise ValueError(f"expected an even number of finite rewards, got {rewards.shape}")
    check_real("expected a noise", noise, "from 0")
    delta = rewards[0::2] - rewards[1::2]
    # A logistic number is below Δ/noise with probability σ(Δ/noise).
    wins = rng.logistic(size=len(delta)) * max(noise, 1e-9) < delta
    first = np.arange(0, len(rewards), 2)
    return np.stack([first + ~wins, first + wins], axis=1).reshape(-1)


def reward_pairs(tokens: np.ndarray, lengths: np.ndarray | None = None) -> Pairs:
    """Pairs for a reward model, which is read at each text's last real token.

    Shapes: tokens (B, T) with the preferred text of each pair first, lengths (B,).
    """
    tokens, lengths = check_distinct(tokens, lengths)
    ends = classification(tokens, lengths, np.zeros(len(tokens), np.int64))
    return Pairs(ends.tokens, ends.targets, ends.weights)


def dpo_pairs(
    policy: Module, reference: Module, tokens: np.ndarray, prompt_length: int,
    lengths: np.ndarray | None = None,
) -> Pairs:  # fmt: skip
    """Pairs for DPO, with the reference's log-probability of every completion.

    Shapes: tokens (B, T) with the preferred text of each pair first, lengths (B,).
    """
    check_same_vocabulary(policy, reference, "reference")
    tokens, lengths = check_distinct(tokens, lengths)
    batch = completion(tokens, prompt_length, lengths)
    prompts = np.where(np.arange(tokens.shape[1]) < prompt_length, tokens, 0)
    parted = (prompts[0::2] != prompts[1::2]).any(axis=1)
    if parted.any():
        raise ValueError(f"pair {parted.argmax()}: the two texts answer different prompts")
    logprobs = token_logprobs(reference, batch).sum(axis=1)  # (B,)
    return Pairs(batch.tokens, batch.targets, batch.weights, logprobs)


def reward_of(model: Module, tokens: np.ndarray, lengths: np.ndarray | None = None) -> np.ndarray:
    """The reward that a model with a head of one number gives each text at its last real token.

    Shapes: tokens (B, T), lengths and the rewards (B,).
    """
    last = tokens.shape[1] - 1 if lengths is None else np.asarray(lengths) - 1
    return model(tokens)[np.arange(len(tokens)), last, 0]


def check_distinct(tokens, lengths):
    """tokens and lengths as arrays; raise ValueError for an odd B or a pair of equal texts."""
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or len(tokens) % 2 or not len(tokens):
        raise ValueError(f"expected pairs of texts, tokens (2·pairs, T), got {tokens.shape}")
    B, T = tokens.shape
    lengths = np.full(B, T) if lengths is None else np.asarray(lengths)
    real = np.where(np.arange(T) < lengths[:, None], tokens, -1)
    equal = (real[0::2] == real[1::2]).all(axis=1)
    if equal.any():
        raise ValueError(f"pair {equal.argmax()}: the two texts are equal, so neither is better")
    return tokens, lengths
