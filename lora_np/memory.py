"""What training holds in memory, counted from the arrays themselves. Bytes; 1 MB = 10⁶ bytes."""

from .quant import NF4Tensor


def weight_bytes(module):
    """Bytes of every array that the module's layers hold, each once: parameters and NF4 tensors."""
    return sum(p.nbytes for p in module.parameters()) + sum(t.nbytes for t in nf4_tensors(module))


def nf4_tensors(module):
    """Every 4-bit weight in the tree."""
    for value in vars(module).values():
        if isinstance(value, NF4Tensor):
            yield value
    for _, container, key in module.children():
        yield from nf4_tensors(container[key])


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
