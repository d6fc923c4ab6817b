"""What it reads: one file per kind of reading matter; each yields batches."""

from .batch import Batch, classification, completion, next_token
from .policy import PolicySamples, sample_policy
from .preferences import Pairs, dpo_pairs, noisy_preferences, reward_of, reward_pairs
from .reference import reference
from .teacher import TaughtBatch, taught, without_context

__all__ = [
    "Batch", "Pairs", "PolicySamples", "TaughtBatch", "classification", "completion", "dpo_pairs",
    "next_token", "noisy_preferences", "reference", "reward_of", "reward_pairs", "sample_policy",
    "taught", "without_context",
]  # fmt: skip
