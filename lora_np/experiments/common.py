"""What the experiments share: training on a list of batches."""

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
