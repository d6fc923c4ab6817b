"""What the study on real text asks of a few models beyond their losses: see each function."""

import numpy as np

from ...analysis.spectrum import (
    delta_weights,
    intruders,
    rank_for,
    shrunk,
    singular_values,
    truncated,
)
from ...methods import merge
from ...nn import Linear
from .real_text import compared, learn, losses, world

GENTLER = (0.5, 0.25, 0.125)  # of the best rate
RANKS = (0, 1, 2, 4, 8, 16, 32, 64)
TOP, BELOW = 10, 0.6  # directions of each layer, and the cosine below which one is an intruder
FACTORS = (0.75, 0.5)


def gentler(way, model, cell):
    """The same way at smaller rates, trained to their end: less gained, and less forgotten."""
    return [
        {"factor": factor, **compared(learn(way, cell, factor=factor)[0], cell)}
        for factor in GENTLER
    ]


def spectrum(way, model, cell):
    """How many directions hold 90 % of each layer's squared ΔW, and the singular values of one."""
    deltas = delta_weights(model, world().base)
    values = {name: singular_values(delta) for name, delta in deltas.items()}
    layer = max(values, key=lambda name: (name.endswith("c_fc"), name))  # the last block's
    return {
        "rank for 90 %": {name: rank_for(0.9, each) for name, each in values.items()},
        "layer": layer,
        "values": values[layer].tolist(),
    }


def with_weights(model, weights):
    """A view of `model` whose linear layers of these names have these weights."""
    view = merge(model)
    for name, layer in view.linears():
        if name in weights:
            view.replace(name, Linear(weights[name], layer.bias))
    return view


def truncations(way, model, cell):
    """{k: losses} with each block's ΔW cut to its first k singular directions.

    k = 0 leaves what else was trained, embeddings, norms and biases.
    """
    base, found = dict(world().base.linears()), {}
    deltas = delta_weights(model, world().base)
    for k in RANKS:
        weights = {
            name: base[name].effective_weight() + truncated(delta, k)
            for name, delta in deltas.items()
        }
        found[str(k)] = losses(with_weights(model, weights), cell)
    return found


def intruding(way, model, cell):
    """How many directions intrude, and the losses with a factor on them, or on all of ΔW.

    {"count", "of", how: {factor: losses}}. How: "singular values" are those of the intruders, as
    in the paper; "change" is of ΔW what lies along them, so that W keeps its own part; "all of it"
    is the whole ΔW, which any choice of directions must beat. Without an intruder it is alone.
    """
    before, after = (
        {name: layer.effective_weight() for name, layer in each.linears()}
        for each in (world().base, model)
    )
    found = {name: intruders(after[name], before[name], TOP, BELOW) for name in before}
    result = {"count": sum(map(len, found.values())), "of": TOP * len(found)}

    def change(name, factor):
        along = np.linalg.svd(after[name], full_matrices=False)[2][found[name]]  # (count, out)
        delta = after[name] - before[name]
        return after[name] + (factor - 1) * (delta @ along.T) @ along

    hows = {"all of it": lambda name, factor: before[name] + factor * (after[name] - before[name])}
    if result["count"]:
        hows["singular values"] = lambda name, factor: shrunk(after[name], found[name], factor)
        hows["change"] = change
    for how, weight in hows.items():
        result[how] = {
            f"{factor:g}": losses(
                with_weights(model, {name: weight(name, np.float32(factor)) for name in before}),
                cell,
            )
            for factor in FACTORS
        }
    return result
