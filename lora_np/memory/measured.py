"""What training holds in memory, counted from the arrays themselves. Bytes; 1 MB = 10⁶ bytes."""

import numpy as np

from ..nn import Parameter


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
    if isinstance(thing, np.ndarray | np.generic):
        yield np.asarray(thing)
    elif not (thing is None or isinstance(thing, str | bytes | int | float) or id(thing) in seen):
        seen.add(id(thing))
        if isinstance(thing, Parameter):
            parts = [thing.data]
        elif isinstance(thing, tuple | list):
            parts = thing
        else:  # a Module, an NF4Tensor, …: whatever has attributes
            parts = (thing if isinstance(thing, dict) else getattr(thing, "__dict__", {})).values()
        for part in parts:
            yield from _arrays(part, seen)


def optimizer_bytes(optimizer):
    """Bytes of AdamW's two moments, or nothing for an optimizer that has none."""
    return array_bytes(getattr(optimizer, "m", None), getattr(optimizer, "v", None))


def held(module, optimizer):
    """{"weights", "gradients", "moments"}: call it after backward and before step."""
    return {
        "weights": array_bytes(module),
        "gradients": sum(p.grad.nbytes for p in module.parameters() if p.grad is not None),
        "moments": optimizer_bytes(optimizer),
    }
