"""What teaches: each objective is a formula, (logits, batch) -> (loss, dlogits)."""

from .cross_entropy import cross_entropy
from .distillation import Distillation, context_distillation
from .dpo import DPO
from .ppo import PPO, group_advantages
from .reverse_kl import reverse_kl
from .reward import bradley_terry
from .verbalizer import VerbalizedCrossEntropy

__all__ = [
    "DPO", "PPO", "Distillation", "VerbalizedCrossEntropy", "bradley_terry", "context_distillation",
    "cross_entropy", "group_advantages", "reverse_kl",
]  # fmt: skip
