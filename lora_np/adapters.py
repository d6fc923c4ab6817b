"""Many adapters, one base. Each adapter is a view of the base, so there is nothing to switch on.

    adapters = {task: load_adapter(base, directory) for task, directory in …}
    adapters["sql"](tokens)      switching is taking another view; `base(tokens)` is none at all

The base's arrays are shared (`np.shares_memory`) and never written to: `merge` makes new ones, so
to unmerge is to go back to the view, without drift.
"""

import numpy as np

from .methods.common import layers_of, linear_slots
from .methods.lora import LoRA, LoRALinear
from .nn.functional import dropout_backward, dropout_forward
from .nn.layers import rows
from .nn.module import Module


def combine(base, views, weights=None):
    """A view of `base` in which several LoRA adapters act at once: ΔW = Σ wᵢ·sᵢ·AᵢBᵢ, exactly.

    [A₁ A₂] and [w₁s₁B₁; w₂s₂B₂] are again two factors, whose rank is the sum of the ranks. Adding
    A's to A's and B's to B's would not do: (A₁ + A₂)(B₁ + B₂) has cross terms. A layer that an
    adapter leaves alone gets zeros from it. Weights of 1, unless given: the plain sum.
    Raises: ValueError for views of another base, anything but LoRA's factors, or ranks whose sum
    exceeds a layer's width (`reduce_rank` them first).
    """
    views = list(views)
    weights = [1.0] * len(views) if weights is None else list(weights)
    if not views or len(weights) != len(views):
        raise ValueError(f"combine: expected a weight a view, got {len(weights)} for {len(views)}")
    parts = [factors(base, view) for view in views]  # [{name: LoRALinear}]
    ranks = [next(iter(part.values())).A.shape[1] for part in parts]
    names = tuple(dict.fromkeys(name for part in parts for name in part))
    total = sum(ranks)  # α = r makes the scale 1
    result = LoRA(total, total, names).apply(base, np.random.default_rng(0))
    ends = np.cumsum(ranks)
    for name, layer in layers_of(result, LoRALinear):
        layer.A.data[...] = 0
        for part, weight, rank, end in zip(parts, weights, ranks, ends):
            if name in part:
                layer.A.data[:, end - rank : end] = part[name].A.data
                layer.B.data[end - rank : end] = (weight * part[name].scale) * part[name].B.data
    return result


def reduce_rank(model, rank):
    """(view, {layer: error}): every LoRA layer of `model` at `rank`, by truncated SVD.

    The best rank-r fit to s·AB keeps its largest singular values (Eckart & Young 1936), and what
    it loses is error = √(Σ_{i>r} σᵢ²) / √(Σ σᵢ²). ΔW is never formed: A = QₐRₐ and Bᵀ = Q_bR_b
    leave a matrix RₐR_bᵀ of the old rank's size to decompose.
    Raises: ValueError for a model without LoRA layers, or as LoRALinear.
    """
    view, errors = model.view(), {}
    for name, container, key in linear_slots(view):
        old = container[key]
        if type(old) is not LoRALinear:
            continue
        Qa, Ra = np.linalg.qr(old.A.data.astype(np.float64))
        Qb, Rb = np.linalg.qr(old.B.data.T.astype(np.float64))
        U, S, Vt = np.linalg.svd(old.scale * (Ra @ Rb.T), full_matrices=False)
        new = LoRALinear(old.base, rank, rank, np.random.default_rng(0), dropout=old.dropout)
        kept = min(rank, S.size)  # a rank above the old one leaves the rest at zero
        root = np.sqrt(S[:kept])
        new.A.data[...], new.B.data[...] = 0, 0
        new.A.data[:, :kept] = (Qa @ U[:, :kept]) * root
        new.B.data[:kept] = root[:, None] * (Vt[:kept] @ Qb.T)
        container[key] = new
        whole = np.linalg.norm(S)
        errors[name] = float(np.linalg.norm(S[kept:]) / whole) if whole else 0.0
    if not errors:
        raise ValueError("reduce_rank: this model has no LoRA layers")
    lora = LoRA(rank, rank, tuple(errors))
    view.methods = tuple(lora if isinstance(m, LoRA) else m for m in model.methods)
    return view, errors


class PerSample(Module):
    """y_b = base(x_b) + s_k · (x_b A_k) B_k, with k the adapter that sample b asked for.

    The base's product, nearly all of the work, is done once for the whole batch. Gradients arrive
    in each adapter's own parameters, from its own samples.
    Shapes: x (batch, ..., in), y (batch, ..., out).
    Raises: ValueError for another number of samples.
    """

    def __init__(self, base, adapters, groups, batch):
        self.base, self.batch = base, batch
        self.adapters, self.groups = adapters, groups  # [Factors], [the samples of each]

    def forward(self, x, *, rng=None):
        if len(x) != self.batch:
            raise ValueError(f"PerSample: expected {self.batch} samples, got {len(x)}")
        y, base_cache = self.base.forward(x)
        caches = []
        for adapter, samples in zip(self.adapters, self.groups):
            xd, mask = dropout_forward(x[samples], adapter.dropout, rng)
            u = rows(xd) @ adapter.A.data  # (N_k, r)
            y[samples] += ((adapter.scale * u) @ adapter.B.data).reshape(y[samples].shape)
            caches.append((xd, mask, u))
        return y, (base_cache, caches)

    def backward(self, dy, cache, *, below_trains=True):
        base_cache, caches = cache
        dx = self.base.backward(dy, base_cache, below_trains=below_trains)  # undoes base(x)
        for adapter, samples, (xd, mask, u) in zip(self.adapters, self.groups, caches):
            dyk = rows(dy[samples])
            du = adapter.scale * (dyk @ adapter.B.data.T)  # undoes s·uB
            if adapter.B.trainable:
                adapter.B.accumulate((adapter.scale * u).T @ dyk)  # undoes s·uB
            if adapter.A.trainable:
                adapter.A.accumulate(rows(xd).T @ du)  # undoes xA
            if below_trains:
                dxd = (du @ adapter.A.data.T).reshape(xd.shape)  # undoes xA
                dx[samples] += dropout_backward(dxd, mask)
        return dx


class Factors(Module):
    """One adapter's factors, the very Parameters of its own view."""

    def __init__(self, layer):
        self.A, self.B, self.scale, self.dropout = layer.A, layer.B, layer.scale, layer.dropout


def for_samples(base, views, which):
    """A view of `base` for one batch, in which sample i is served by the adapter views[which[i]].

    `views` maps names to views; the name None is the base alone. A batch of len(which) sequences,
    in one pass, gives each the logits that its own view would.
    Raises: ValueError for a name that is not there, a view of another base, or anything but LoRA's
    factors.
    """
    which = list(which)
    unknown = [name for name in which if name is not None and name not in views]
    if unknown:
        raise ValueError(f"for_samples: no adapter {unknown[0]!r}; there are: {', '.join(views)}")
    used = [name for name in views if name in which]
    parts = {name: factors(base, views[name]) for name in used}
    groups = {name: np.flatnonzero([other == name for other in which]) for name in used}
    result = base.view().freeze()
    for slot, container, key in linear_slots(result):
        here = [name for name in used if slot in parts[name]]
        if here:
            adapters = [Factors(parts[name][slot]) for name in here]
            container[key] = PerSample(
                container[key], adapters, [groups[name] for name in here], len(which)
            )
    return result


def factors(base, view):
    """{name: LoRALinear} of a view of `base` that differs from it by LoRA's factors alone.

    Raises: ValueError for a view of another base, or one that changes anything else.
    """
    layers = {n: layer for n, layer in layers_of(view, LoRALinear) if type(layer) is LoRALinear}
    own = {f"{name}.{factor}" for name in layers for factor in "AB"}
    theirs, ours = dict(view.named_parameters()), dict(base.named_parameters())
    other = sorted(
        name
        for name in (theirs.keys() | ours.keys()) - own
        if name not in ours
        or name not in theirs
        or not np.shares_memory(theirs[name].data, ours[name].data)
    )
    if other or not layers:
        more = f" and {len(other) - 3} more" if len(other) > 3 else ""
        found = f"{', '.join(other[:3])}{more}" if other else "no factors"
        raise ValueError(f"expected a view of this base with LoRA's factors and no more; {found}")
    return layers


def inspect_adapter(model):
    """What an adapter does to its base: {"methods", "trained", "layers"}.

    `layers` has a dict for each wrapped linear layer: its `name`, `kind`, `shape` (in, out),
    `rank` and `scale` (None where it has none), and `change` = ‖W' − W‖/‖W‖ in Frobenius norms,
    which is ‖s·AB‖/‖W‖ for LoRA. `trained` counts numbers.
    """
    layers = []
    for name, container, key in linear_slots(model):
        layer = base = container[key]
        while "base" in vars(base):
            base = base.base
        if layer is base:
            continue
        W = base.effective_weight()
        change = np.linalg.norm(layer.effective_weight() - W) / np.linalg.norm(W)
        is_lora = isinstance(layer, LoRALinear)
        layers.append({
            "name": name, "kind": type(layer).__name__, "shape": W.shape,
            "rank": layer.A.shape[1] if is_lora else None,
            "scale": layer.scale if is_lora else None,
            "change": float(change),
        })  # fmt: skip
    trained = sum(parameter.size for parameter in model.trainable_parameters())
    return {"methods": [str(m) for m in model.methods], "trained": trained, "layers": layers}
