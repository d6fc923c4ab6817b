"""The most memory that a training step holds: the sum that formulas predict, beside what it is."""

import math
import tracemalloc

from . import memory, savings
from .quant import NF4Linear
from .train import train


def peak_of_a_step(model, optimizer, batch, objective):
    """`held_in_a_step` of a GPT, "passing" temporaries, their sum "predicted", and "measured"."""
    held = memory.held_in_a_step(model, optimizer, batch, objective)
    in_4_bits = [m.quantized for m in model.modules() if isinstance(m, NF4Linear)]
    predicted = savings.peak(
        model.config, *batch.tokens.shape, held,
        largest=max(p.size for p in optimizer.parameters),
        dense=max((math.prod(q.shape) for q in in_4_bits), default=0),
    )  # fmt: skip
    measured = measured_peak(model, optimizer, batch, objective)
    passing = predicted - sum(held.values())
    return {**held, "passing": passing, "predicted": predicted, "measured": measured}


def measured_peak(model, optimizer, batch, objective):
    """The most bytes that stood at once in two steps of `train`, weights and moments included.

    NumPy tells `tracemalloc` of every array it makes, so this counts arrays to the byte, the same
    on every machine. A process's own size has in it Python, its libraries and the memory that the
    C library keeps for later; those belong to no formula.
    """

    def steps():
        train(model, iter([batch] * 2), objective, optimizer, steps=2, progress=False)

    steps()  # what Python itself makes but once is none of theirs
    before = memory.weight_bytes(model) + memory.optimizer_bytes(optimizer)
    tracemalloc.start()
    try:
        steps()
        return before + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
