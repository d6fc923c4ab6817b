"""What it reads: one file per kind of reading matter; each yields batches."""

from .batch import Batch, classification, completion, next_token
from .patterns import Pattern, verbalizer
from .policy import PolicySamples, sample_policy
from .preferences import Pairs, dpo_pairs, noisy_preferences, reward_of, reward_pairs
from .reference import reference
from .retrieval import Store
from .teacher import TaughtBatch, taught, without_context
from .worlds.raft import Raft, World

__all__ = [
    "Batch", "Pairs", "Pattern", "PolicySamples", "Raft", "Store", "TaughtBatch", "World",
    "classification", "completion", "dpo_pairs", "next_token", "noisy_preferences", "reference",
    "reward_of", "reward_pairs", "sample_policy", "taught", "verbalizer", "without_context",
]  # fmt: skip
