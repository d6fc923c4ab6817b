"""An adapted model with its intruder directions halved, and, to compare, with all of ΔW halved."""

import numpy as np

from ..methods import merge
from ..nn.linear import Linear
from .layer_numbers import HALF
from .spectrum import shrunk


def halved(adapted, base, layers):
    """{how: model} of an adapted model on `base`, by what `examine` found in its `layers`.

    Shrinking the intruders' singular values is worth it only where it does more than shrinking the
    whole change by the same factor.
    """
    merged, before = merge(adapted), dict(base.linears())
    own, whole = merged.view(), merged.view()
    for name, layer in merged.linears():
        W, after = before[name].effective_weight(), layer.effective_weight()
        found = layers.get(name, {}).get("intruders", [])
        if found:
            put(own, name, layer, shrunk(after, found, np.float32(HALF)))
        put(whole, name, layer, W + np.float32(HALF) * (after - W))
    hows = {"base alone": base, "with the adapter": adapted, "its intruders halved": own}
    return hows | {"all of its change halved": whole}


def put(model, name, layer, weight):
    model.replace(name, Linear(weight.astype(layer.dtype), layer.effective_bias()))
