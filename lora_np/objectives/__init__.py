"""What teaches: each objective is a formula, (logits, batch) -> (loss, dlogits)."""

from .cross_entropy import cross_entropy

__all__ = ["cross_entropy"]
