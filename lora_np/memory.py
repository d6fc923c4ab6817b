"""What training holds in memory, counted from the arrays themselves. Bytes; 1 MB = 10⁶ bytes."""

import numpy as np

from .long_batch import forward_backward_in_parts
from .nn import Parameter
from .nn.language_model import body_and_head


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
    body, head = body_and_head(model)
    x, cache = body.forward(batch.tokens)
    _, head_cache = head.forward(x[:1])  # if it keeps one sequence, it keeps them all
    inputs = array_bytes(batch.tokens)
    activations = array_bytes(cache, head_cache, batch.tokens) - inputs
    forward_backward_in_parts(model, batch, objective)
    bytes_held = held(model, optimizer)
    for parameter in optimizer.parameters:
        parameter.grad = None
    return {**bytes_held, "activations": activations}
