"""Samples from the policy itself, with what PPO needs to know about each."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..generation.sampling import generate
from ..nn.module import Module
from ..objectives.ppo import group_advantages
from ..system.checks import check_whole
from .batch import Batch, completion
from .reference import check_same_vocabulary, token_logprobs


@dataclass(eq=False)
class PolicySamples(Batch):
    """The policy's own texts; the log-probabilities it had when it wrote them are kept.

    Shapes: old_logprobs (B, T) in nats; advantages, rewards and log_ratios, log(π/π_ref) of each
    completion, (B,). Only completions weigh.
    """

    old_logprobs: np.ndarray
    advantages: np.ndarray
    rewards: np.ndarray
    log_ratios: np.ndarray


def sample_policy(
    policy: Module, reference: Module, reward: Callable, prompts: np.ndarray, n: int, *,
    group: int, beta: float, rng: np.random.Generator, stop: int | None = None,
) -> PolicySamples:  # fmt: skip
    """Let the policy answer each prompt `group` times with up to n tokens, and score the answers.

    `reward(tokens, lengths)` gives one finite number a text. The mean of `log_ratios` estimates
    KL(π ‖ π_ref), the distance that β holds back. A completion ends with `stop`.
    Shapes: prompts (P, T), the samples (P·group, …), each prompt's answers side by side.
    """
    check_same_vocabulary(policy, reference, "reference")
    prompts = np.asarray(prompts)
    if prompts.ndim != 2 or prompts.size == 0:
        raise ValueError(f"expected prompts (P, T), got {prompts.shape}")
    check_whole("sample_policy: expected n, the tokens of a completion,", n)
    check_whole("sample_policy: expected a group", group, 2)
    prompts = np.repeat(prompts, group, axis=0)
    group_advantages(np.zeros(len(prompts)), np.zeros(len(prompts)), beta, group)  # its checks
    marks = () if stop is None else stop
    tokens = np.asarray(generate(policy, prompts, n, temperature=1.0, rng=rng, stop=marks))
    lengths = text_lengths(tokens, prompts.shape[1], stop)
    rewards = np.asarray(reward(tokens, lengths), np.float64)
    if rewards.shape != (len(tokens),) or not np.isfinite(rewards).all():
        raise ValueError(f"expected {len(tokens)} finite rewards, got {rewards}")
    batch = completion(tokens, prompts.shape[1], lengths)
    old = token_logprobs(policy, batch)
    log_ratios = (old - token_logprobs(reference, batch)).sum(axis=1)
    advantages = group_advantages(rewards, log_ratios, beta, group)
    return PolicySamples(
        batch.tokens, batch.targets, batch.weights, old, advantages, rewards, log_ratios
    )


def text_lengths(tokens, prompt_length, stop):
    """How many tokens of each text are real: all up to the first `stop` behind the prompt."""
    ended = tokens[:, prompt_length:] == stop  # (B, n), or plain False for stop None
    if stop is None or not ended.any():
        return np.full(len(tokens), tokens.shape[1])
    first = np.where(ended.any(axis=1), ended.argmax(axis=1) + 1, ended.shape[1])
    return prompt_length + first
