"""Many adapters, one base, whose arrays all of them share. Each is a view of it.

adapters = {task: load_adapter(base, directory) for task, directory in …}
adapters["sql"](tokens)      switching is taking another view; `base(tokens)` is none at all
"""

import numpy as np

from ..system.checks import check_real, check_whole
from .low_rank.lora import LoRA
from .low_rank.lora_linear import LoRALinear
from .low_rank.lora_tables import LoRATable
from .low_rank.to_lora import cut_to_rank, product_svd
from .targets import layers_of


def combine(base, views, weights=None):
    """A view of `base` in which several LoRA adapters act at once: ΔW = Σ wᵢ·sᵢ·AᵢBᵢ, exactly.

    [A₁ A₂] and [w₁s₁B₁; w₂s₂B₂] are again two factors, whose rank is the sum of the ranks; the
    product (A₁ + A₂)(B₁ + B₂) would have cross terms. Weights are 1 unless given.
    Raises: ValueError where the ranks' sum exceeds a layer's width (`reduce_rank` them first).
    """
    views = list(views)
    weights = [1.0] * len(views) if weights is None else list(weights)
    for weight in weights:
        check_real("combine: expected each of weights", weight, "")
    if not views or len(weights) != len(views):
        raise ValueError(f"combine: expected a weight a view, got {len(weights)} for {len(views)}")
    parts = [factors(base, view) for view in views]  # [{name: LoRALinear}]
    ranks = [max(layer.A.shape[1] for layer in part.values()) for part in parts]
    names = tuple(dict.fromkeys(name for part in parts for name in part))
    total = sum(ranks)  # α = r makes the scale 1
    result = LoRA(total, total, names).apply(base, np.random.default_rng(0))
    ends = np.cumsum(ranks)
    for name, layer in layers_of(result, LoRALinear):
        layer.A.data[...] = 0
        for part, weight, rank, end in zip(parts, weights, ranks, ends):
            if name in part:
                own = part[name]  # of a lower rank, perhaps; what is left stays zero
                at = slice(end - rank, end - rank + own.A.shape[1])
                layer.A.data[:, at] = own.A.data
                layer.B.data[at] = (weight * own.scale) * own.B.data
    return result


def reduce_rank(model, rank):
    """(view, {layer: error}): every LoRA layer of `model` at `rank`, by truncated SVD.

    error = √(Σ_{i>r} σᵢ²) / √(Σ σᵢ²) of s·AB (`low_rank`, which has `to_lora` for what is no LoRA).
    """
    check_whole("reduce_rank: expected a rank", rank)
    view, errors = model.view(), {}
    if more := [name for name, _ in layers_of(view, LoRATable)]:
        raise ValueError(
            f"reduce_rank: it is of linear layers, and LoRA is on {', '.join(more)} too"
        )
    for name, old in view.linears():
        if type(old) is not LoRALinear:
            continue
        if old.B_bias is not None:
            raise ValueError(f"reduce_rank: the adapter of {name} has a bias, which has no rank")
        new = LoRALinear(old.base, rank, rank, np.random.default_rng(0), dropout=old.dropout)
        parts = product_svd(old.A.data, old.B.data, old.scale)
        A, B, errors[name] = cut_to_rank(*parts, rank)
        new.A.data[...], new.B.data[...] = A, B
        view.replace(name, new)
    if not errors:
        raise ValueError("reduce_rank: this model has no LoRA layers")
    lora = LoRA(rank, rank, tuple(errors))
    view.methods = tuple(lora if isinstance(m, LoRA) else m for m in model.methods)
    return view, errors


def factors(base, view):
    """{name: LoRALinear} of a view of `base` that differs from it by LoRA's factors alone."""
    layers = {n: layer for n, layer in layers_of(view, LoRALinear) if type(layer) is LoRALinear}
    own = {f"{name}.{factor}" for name in layers for factor in "AB"}
    theirs, ours = dict(view.named_parameters()), dict(base.named_parameters())
    both = theirs.keys() & ours.keys()
    same = {name for name in both if np.shares_memory(theirs[name].data, ours[name].data)}
    other = sorted((theirs.keys() | ours.keys()) - own - same)
    if other or not layers:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        found = f"{', '.join(other[:3])}{more}" if other else "no factors"
        raise ValueError(f"expected a view of this base with LoRA's factors and no more; {found}")
    return layers
