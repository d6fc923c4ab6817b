"""What an adapter does to its base, layer by layer."""

import numpy as np

from ..methods.describe import describe
from ..methods.low_rank.lora_linear import LoRALinear


def inspect_adapter(model):
    """{"methods", "trained": how many numbers, "layers": a dict for each wrapped linear layer}.

    Its `name`, `kind`, `shape` (in, out), `rank` and `scale` (None where it has none), and `change`
    = ‖W' − W‖/‖W‖ in Frobenius norms, which is ‖s·AB‖/‖W‖ for LoRA.
    """
    layers = []
    for name, layer in model.linears():
        base = layer.unwrapped()
        if layer is base:
            continue
        W = base.effective_weight()
        change = np.linalg.norm(layer.effective_weight() - W) / np.linalg.norm(W)
        is_lora = isinstance(layer, LoRALinear)
        rank, scale = (layer.A.shape[1], layer.scale) if is_lora else (None, None)
        about = {"name": name, "kind": type(layer).__name__, "shape": W.shape}
        layers.append(about | {"rank": rank, "scale": scale, "change": float(change)})
    trained = sum(parameter.size for parameter in model.trainable_parameters())
    return {"methods": [describe(m) for m in model.methods], "trained": trained, "layers": layers}
