"""What the experiments share: training, the loop over seeds, tables, and numbers in words."""

from itertools import chain, repeat

import numpy as np

from ...analysis.plots import COLORS, DASHES, MARKERS
from ...system.checks import check_whole
from ...system.platform import cpu_seconds
from ...train.loop import train, warmup_cosine
from ...train.optim import AdamW


def fit(model, batches, objective, lr, *, steps=None, weight_decay=0.0, **options):
    """AdamW, the rate falling from `lr` to 0 by half a cosine; the History.

    One step a batch; with `steps`, of batches that may have no end. `options` are those of `train`.
    """
    if steps is None:
        batches = list(batches)
        steps = len(batches)
    optimizer = AdamW(model.trainable_parameters(), lr, weight_decay=weight_decay)
    options = {"schedule": warmup_cosine(steps), "clip": None, "progress": False} | options
    return train(model, batches, objective, optimizer, steps=steps, **options)


def rows_of(batch, at):
    """The batch's rows at these numbers."""
    return type(batch)(**{name: getattr(batch, name)[at] for name in batch.arrays()})


def over_seeds(one_seed, seeds, first=0):
    """(what `one_seed` returned for each seed from `first` on, the CPU seconds of each).

    Raises: ValueError for seeds below 1.
    """
    check_whole("expected seeds", seeds)
    results, seconds = [], []
    for seed in range(first, first + seeds):
        start = cpu_seconds()
        results.append(one_seed(seed))
        seconds.append(cpu_seconds() - start)
    return results, seconds


def by_row(runs):
    """{name: [its value in each run]}, of runs that are {name: value}."""
    return {name: [run[name] for run in runs] for name in runs[0]}


def spread(values, digits=2):
    """mean ± standard deviation."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def text_table(titles, rows, widths):
    """Lines: the first column to the left, the others to the right, the last width for the rest."""

    def line(name, *cells):
        cells = zip(cells, chain(widths[1:], repeat(widths[-1])))
        return (f"{name:{widths[0]}}" + "".join(f"{cell:>{w}}" for cell, w in cells)).rstrip()

    return [line(*titles), *(line(*row) for row in rows)]


def seed_count(numbers):
    return f"{numbers['seeds']} seed{'s' if numbers['seeds'] > 1 else ''}"


def look(k):
    """How the k-th curve of a figure is drawn."""
    return {"color": COLORS[k], "linestyle": DASHES[k], "marker": MARKERS[k]}


def caveat(numbers):
    """What a quick run's table must say of itself."""
    return "\nA quick look: too short to conclude anything from." if numbers["quick"] else ""


def means_in_words(rows, digits=2):
    """ "LoRA 0.91, 0.52; head 0.40, 0.11", of rows of shape (seeds, columns)."""
    means = ((name, np.mean(scores, axis=0)) for name, scores in rows.items())
    return "; ".join(f"{name} " + ", ".join(f"{m:.{digits}f}" for m in row) for name, row in means)


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
