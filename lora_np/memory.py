"""What training holds in memory, counted from the arrays themselves. Bytes; 1 MB = 10⁶ bytes."""

import math
import tracemalloc

import numpy as np

from . import savings
from .nn import Parameter
from .quant import NF4Linear
from .train import train


def array_bytes(*things):
    """Bytes of every array found in arrays, caches, Parameters and Modules, however nested.

    Two views of one buffer count once, as the whole buffer: that is what stays allocated.
    """
    buffers = {}
    for array in _arrays(things, set()):
        while isinstance(array.base, np.ndarray):
            array = array.base
        buffers[id(array)] = array
    return sum(buffer.nbytes for buffer in buffers.values())


def _arrays(thing, seen):
    if isinstance(thing, np.ndarray):
        yield thing
    elif isinstance(thing, np.generic):
        yield np.asarray(thing)
    elif thing is None or isinstance(thing, str | bytes | int | float) or id(thing) in seen:
        return
    else:
        seen.add(id(thing))
        if isinstance(thing, Parameter):
            parts = [thing.data]
        elif isinstance(thing, tuple | list):
            parts = thing
        elif isinstance(thing, dict):
            parts = thing.values()
        else:  # a Module, an NF4Tensor, …: whatever has attributes
            parts = getattr(thing, "__dict__", {}).values()
        for part in parts:
            yield from _arrays(part, seen)


def weight_bytes(module):
    """Bytes of every array that the module's layers hold, each once; 4-bit codes and scales too."""
    return array_bytes(module)


def gradient_bytes(module):
    """Bytes of the gradients that stand between a backward pass and the optimizer's step."""
    return sum(p.grad.nbytes for p in module.parameters() if p.grad is not None)


def optimizer_bytes(optimizer):
    """Bytes of AdamW's two moments, or nothing for an optimizer that has none."""
    moments = [*getattr(optimizer, "m", []), *getattr(optimizer, "v", [])]
    return sum(array.nbytes for array in moments)


def held(module, optimizer):
    """{"weights", "gradients", "moments"}: call it after backward and before step."""
    return {
        "weights": weight_bytes(module),
        "gradients": gradient_bytes(module),
        "moments": optimizer_bytes(optimizer),
    }


def held_in_a_step(model, optimizer, batch, objective):
    """`held`, and "activations": what forward keeps for backward. Nothing is updated.

    The weights, the batch's own tokens and the logits are no activations kept for backward.
    """
    logits, cache = model.forward(batch.tokens)
    inputs = array_bytes(batch.tokens)
    activations = array_bytes(cache, batch.tokens) - inputs
    model.backward(objective(logits, batch)[1], cache)
    bytes_held = held(model, optimizer)
    for parameter in optimizer.parameters:
        parameter.grad = None
    return {**bytes_held, "activations": activations}


def peak_of_a_step(model, optimizer, batch, objective):
    """`held_in_a_step` of a GPT, "passing" temporaries, their sum "predicted", and "measured"."""
    held = held_in_a_step(model, optimizer, batch, objective)
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
    before = weight_bytes(model) + optimizer_bytes(optimizer)
    tracemalloc.start()
    try:
        steps()
        return before + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
