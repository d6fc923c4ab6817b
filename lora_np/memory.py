"""What training holds in memory, counted from the arrays themselves. Bytes; 1 MB = 10⁶ bytes."""


def weight_bytes(module):
    """Bytes of every array that the module's layers hold, each once."""
    return sum(parameter.nbytes for parameter in module.parameters())


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
