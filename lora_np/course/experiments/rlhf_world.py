"""A small world for RLHF: strings of symbols, hidden rewards, and all that is trained there."""

from dataclasses import dataclass

import numpy as np

from ...generation.sampling import generate
from ...methods import FullFineTuning, HeadTuning, LoRA
from ...nn import GPT, GPTConfig
from ...objectives import DPO, PPO, bradley_terry, cross_entropy
from ...tasks import (
    dpo_pairs,
    next_token,
    noisy_preferences,
    reference,
    reward_of,
    reward_pairs,
    sample_policy,
)
from ...tasks.worlds.markov import MarkovSource
from ...train.optim import AdamW
from .common import fit, rows_of

SYMBOLS, LENGTH, FORBIDDEN = 6, 8, 5
NOISE = 0.5  # a lead of one ascent is preferred with probability σ(1/0.5) = 0.88
PROMPTS, GROUP, PASSES = 8, 8, 3  # of PPO: 8 prompts answered 8 times, 3 steps on each batch
RATES = {"PPO": 5e-3, "DPO": 5e-3}  # where the search for each begins
POLICY = LoRA(rank=4, alpha=8.0, targets="all-linear")


@dataclass(frozen=True)
class Size:
    """How much of everything: the real run, and the quick one, which shows how it works."""

    pairs: int = 2000
    reference_steps: int = 400
    reward_steps: int = 600
    iterations: int = 160
    dpo_steps: int = 300
    samples: int = 1000
    betas: tuple[float, ...] = (0.0, 0.02, 0.1, 0.5)
    pool: int = 20000
    judge_steps: int = 1500
    judge_iterations: int = 60


QUICK = Size(400, 60, 60, 15, 40, 100, (0.0, 0.1), 400, 60, 4)


def ascents(strings):
    return (np.diff(strings, axis=1) > 0).sum(axis=1).astype(float)


def breaks_the_rule(strings):
    """Whether the forbidden symbol is in what the policy wrote, behind the prompt's one symbol."""
    return (strings[:, 1:] == FORBIDDEN).any(axis=1)


def safe_ascents(strings):
    return ascents(strings) - 3.0 * breaks_the_rule(strings)


class World:
    """One seed's source and reference model, and what can be trained and measured there."""

    def __init__(self, size, rng):
        self.size, self.rng = size, rng
        config = GPTConfig(vocab_size=SYMBOLS, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4)
        source, base = MarkovSource(rng, SYMBOLS, order=1, concentration=1.0), GPT(config, rng)
        text = (next_token(source.sample(128, LENGTH, rng)) for _ in range(size.reference_steps))
        fit(base, text, cross_entropy, 3e-3)
        self.reference = reference(base)

    def draw_pairs(self, n, reward, noise):
        """At most n pairs of strings with the same first symbol, the preferred one first."""
        prompts = np.repeat(self.rng.integers(SYMBOLS, size=(n, 1)), 2, axis=0)
        strings = self.complete(self.reference, prompts)
        differ = (strings[0::2] != strings[1::2]).any(axis=1)
        strings = strings[np.repeat(differ, 2)]
        return strings[noisy_preferences(reward(strings), noise, self.rng)]

    def complete(self, model, prompts):
        return generate(model, prompts, LENGTH - 1, temperature=1.0, rng=self.rng)

    def some_rows(self, count, n=64):
        """The rows of n pairs, of `count` rows."""
        first = 2 * self.rng.integers(count // 2, size=n)
        return np.stack([first, first + 1], axis=1).reshape(-1)

    def some_of(self, pairs, n=64):
        return pairs[self.some_rows(len(pairs), n)]

    def learn_reward(self, reward):
        """The pairs, a reward model fitted to them, and how often it agrees with new pairs."""
        pairs = self.draw_pairs(self.size.pairs, reward, NOISE)
        model = HeadTuning(1).apply(FullFineTuning().apply(self.reference, self.rng), self.rng)
        batches = (reward_pairs(self.some_of(pairs)) for _ in range(self.size.reward_steps))
        fit(model, batches, bradley_terry, 3e-3)
        noisy = self.draw_pairs(self.size.samples, reward, NOISE)
        clean = self.draw_pairs(self.size.samples, reward, 0)
        true = reward(clean)
        clean = clean[np.repeat(true[0::2] != true[1::2], 2)]  # a tie has no better string

        def agreement(strings):
            r = reward_of(model, strings)
            return float((r[0::2] > r[1::2]).mean())

        accuracy = {"its pairs": agreement(pairs), "new pairs": agreement(noisy)}
        return pairs, model, accuracy | {"without noise": agreement(clean)}

    def ppo(self, judge, beta, iterations, lr=RATES["PPO"]):
        """PPO against the judge; what `measure` says of the end, and the way there."""
        policy = POLICY.apply(self.reference, self.rng)
        optimizer = AdamW(policy.trainable_parameters(), lr)
        way = {"true": [], "learned": [], "KL": [], "breaks the rule": []}
        for _ in range(iterations):
            batch = sample_policy(
                policy, self.reference, lambda strings, lengths: reward_of(judge, strings),
                self.rng.integers(SYMBOLS, size=(PROMPTS, 1)), LENGTH - 1, group=GROUP, beta=beta,
                rng=self.rng,
            )  # fmt: skip
            for name, value in scores(batch).items():
                way[name].append(value)
            for _ in range(PASSES):
                logits, cache = policy.forward(batch.tokens)
                _, dlogits = PPO(clip=0.2)(logits, batch)
                policy.backward(dlogits, cache)
                optimizer.step()
        return {**self.measure(policy, judge), "way": way}

    def dpo(self, pairs, judge, beta, lr=RATES["DPO"]):
        """The reference reads every pair but once: what it says of them does not change."""
        policy = POLICY.apply(self.reference, self.rng)
        whole = dpo_pairs(policy, self.reference, pairs, prompt_length=1)
        steps = range(self.size.dpo_steps)
        fit(policy, [rows_of(whole, self.some_rows(len(whole))) for _ in steps], DPO(beta), lr)
        return self.measure(policy, judge)

    def measure(self, policy, judge):
        """The scores of new samples: ascents and learned reward a string, KL(π ‖ π_ref) in nats."""
        prompts = self.rng.integers(SYMBOLS, size=(self.size.samples // 2, 1))
        options = {"group": 2, "beta": 0.0, "rng": self.rng}
        batch = sample_policy(
            policy, self.reference, lambda strings, lengths: reward_of(judge, strings), prompts,
            LENGTH - 1, **options,
        )  # fmt: skip
        return scores(batch)


def scores(batch):
    """Means over a batch of samples."""
    strings = np.concatenate([batch.tokens, batch.targets[:, -1:]], axis=1)
    means = {
        "true": ascents(strings).mean(),
        "learned": batch.rewards.mean(),
        "KL": batch.log_ratios.mean(),
        "breaks the rule": breaks_the_rule(strings).mean(),
    }
    return {name: round(float(mean), 4) for name, mean in means.items()}


def smooth(way, window=10):
    """Means over stretches of `window` iterations."""
    return {
        name: np.array([np.mean(values[i : i + window]) for i in range(0, len(values), window)])
        for name, values in way.items()
    }
