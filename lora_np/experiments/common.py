"""What the experiments share: training on a list of batches, and a word on quick runs."""

from ..optim import AdamW
from ..train import train, warmup_cosine


def fit(model, batches, objective, lr, **options):
    """One AdamW step a batch, the rate falling from `lr` to 0 by half a cosine; the History.

    `options` are those of `train`: `evaluate` and `every`.
    """
    batches = list(batches)
    optimizer, steps = AdamW(model.trainable_parameters(), lr), len(batches)
    options = {"schedule": warmup_cosine(steps), "clip": None, "progress": False} | options
    return train(model, batches, objective, optimizer, steps=steps, **options)


def caveat(numbers):
    """What a quick run's table must say of itself."""
    return "\nA quick look: too short to conclude anything from." if numbers["quick"] else ""
