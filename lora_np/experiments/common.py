"""What the experiments share: training on a list of batches, what pairs of seeds say, a caveat."""

import numpy as np

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


def told_apart(ours, theirs):
    """Whether every seed's pair agrees on which is larger, by three standard errors in the mean."""
    d = np.subtract(ours, theirs)
    error = d.std(ddof=1) / np.sqrt(len(d)) if len(d) > 2 else np.inf  # fewer pairs say nothing
    return bool(((d > 0).all() or (d < 0).all()) and abs(d.mean()) >= 3 * error)


def paired(ours, theirs, digits=2):
    """What the seeds' pairs say of ours - theirs, in words."""
    d = np.subtract(ours, theirs)
    above, below, n = (d > 0).sum(), (d < 0).sum(), len(d)
    if told_apart(ours, theirs):
        return f"{d.mean():+.{digits}f}, {'above' if above else 'below'} in {n} of {n} pairs"
    return f"not told apart ({d.mean():+.{digits}f}; above in {above}, below in {below} of {n})"
