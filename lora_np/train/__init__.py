"""The loop: for each batch, forward, objective, backward, step."""

from .adamw_8bit import AdamW8bit
from .history import History
from .loop import held_out_loss, train, warmup_cosine
from .optim import SGD, AdamW

__all__ = ["SGD", "AdamW", "AdamW8bit", "History", "held_out_loss", "train", "warmup_cosine"]
