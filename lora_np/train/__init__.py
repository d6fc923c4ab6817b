"""The loop: for each batch, forward, objective, backward, step."""

from .history import History
from .loop import held_out_loss, train, warmup_cosine
from .optim import SGD, AdamW

__all__ = ["SGD", "AdamW", "History", "held_out_loss", "train", "warmup_cosine"]
