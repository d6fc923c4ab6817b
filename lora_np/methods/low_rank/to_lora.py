"""Any change of linear layers as LoRA: ΔW as two factors of a chosen rank, and what that loses.

The first r singular directions of ΔW are its best fit of rank r; the error is the tail of its
singular values, √(Σ_{i>r} σᵢ²) / √(Σ σᵢ²) of ΔW (Eckart & Young 1936).
"""

import numpy as np

from ...nn.linear import LinearLike
from ...nn.module import Module, Wrapper
from ...system.checks import check_whole
from ..targets import layers_of
from .lora import LoRA
from .lora_linear import LoRALinear


def product_svd(A, B, s):
    """(U, S, Vt) of s·AB, whose product is never formed: with A = QₐRₐ and Bᵀ = Q_bR_b, only
    RₐR_bᵀ, of the rank's size, is decomposed. In float64.

    Shapes: A (in, r), B (r, out), U (in, k), S (k,), Vt (k, out), with k at most r.
    """
    Qa, Ra = np.linalg.qr(A.astype(np.float64))
    Qb, Rb = np.linalg.qr(B.T.astype(np.float64))
    U, S, Vt = np.linalg.svd(s * (Ra @ Rb.T), full_matrices=False)
    return Qa @ U, S, Vt @ Qb.T


def cut_to_rank(U, S, Vt, rank):
    """(A, B, error): AB is the best fit of that rank to USVᵀ, and A and B share its size.

    A rank above S.size leaves the rest at zero. Shapes: A (in, rank), B (rank, out).
    """
    kept, whole = min(rank, S.size), np.linalg.norm(S)
    A, B, root = np.zeros((len(U), rank)), np.zeros((rank, Vt.shape[1])), np.sqrt(S[:kept])
    A[:, :kept] = U[:, :kept] * root
    B[:kept] = root[:, None] * Vt[:kept]
    return A, B, float(np.linalg.norm(S[kept:]) / whole) if whole else 0.0


def to_lora(model: Module, base: Module, rank: int) -> tuple[Module, dict[str, float]]:
    """(a view of `base` that computes what `model` does, by LoRA of `rank`; {layer: error}).

    For whatever has a ΔW = W' − W: DoRA, IA3, LoRA of another rank, a merged or wholly fine-tuned
    model. error = ‖ΔW − AB‖/‖ΔW‖ of each layer that differs; it is 0 from ΔW's own rank on.
    Biases, norms, tables and heads that differ are no ΔW: they learn in the view, exactly.
    Raises: ValueError for what acts as no dense layer (prefix, prompt, bottleneck), a base that has
    methods of its own or is another model, and two models that agree.
    """
    check_whole("to_lora: expected a rank", rank)
    after, before = dict(model.linears()), dict(base.linears())
    check_alike(model, base, after, before)
    deltas = {name: factored(after[name], before[name]) for name in after}
    deltas = {name: parts for name, parts in deltas.items() if parts[1].any()}
    if not deltas:
        raise ValueError("to_lora: no linear layer of the two models differs: there is no ΔW")
    view = LoRA(rank, rank, tuple(deltas)).apply(base, np.random.default_rng(0))  # α = r: s is 1
    errors = {}
    for name, layer in layers_of(view, LoRALinear):
        U, S, Vt = deltas[name]
        A, B, errors[name] = cut_to_rank(U, S, Vt, rank)
        layer.A.data[...], layer.B.data[...] = A, B
    copy_the_rest(view, model, after)
    return view, errors


def factored(after, before):
    """(U, S, Vt) of a layer's ΔW; of LoRA on the same base without forming it."""
    W = before.effective_weight()
    if type(after) is LoRALinear and np.array_equal(after.base.effective_weight(), W):
        return product_svd(after.A.data, after.B.data, after.scale)
    delta = after.effective_weight().astype(np.float64) - W
    return np.linalg.svd(delta, full_matrices=False)


def copy_the_rest(view, model, after):
    """Let each number that differs beside the linear layers' weights learn, and be the model's.

    Where a linear layer's bias differs, the biases of all of LoRA's layers learn; if it is none of
    theirs, all biases do: PEFT's setting `bias` has no other choices.
    """
    tuned, differ, found = dict(model.named_parameters()), {}, dict(view.named_parameters())
    for name, parameter in found.items():
        owner, _, last = name.rpartition(".")
        if owner in after:  # a wrapper's child keeps its name, and so does the bias of its base
            theirs = after[owner].effective_bias() if last == "bias" else None
        else:
            theirs = tuned[name].data
        if theirs is not None and not np.array_equal(theirs, parameter.data):
            differ[name] = theirs
    wrapped = {f"{name}.bias" for name, _ in layers_of(view, LoRALinear)}
    moved = {name for name in differ if name.rpartition(".")[0] in after}
    biases = {name for name in found if name.split(".")[-1] == "bias"}
    learn = biases if moved - wrapped else biases & wrapped if moved else set()
    for name in differ.keys() | learn:
        found[name].train()
    for name, theirs in differ.items():
        found[name].data[...] = theirs


def check_alike(model, base, after, before):
    """Raise ValueError unless the two differ in numbers alone, or in what wraps linear layers."""
    if base.methods or any(isinstance(module, Wrapper) for module in base.modules()):
        raise ValueError("to_lora: expected a base without methods; merge() makes one")
    for module in model.modules():
        if isinstance(module, Wrapper) and not isinstance(module, LinearLike):
            kind = type(module).__name__
            raise ValueError(f"to_lora: {kind} acts as no dense layer: it has no ΔW")
    ours, theirs = (sizes(each, own) for each, own in ((base, before), (model, after)))
    if ours != theirs:
        both = ours.keys() | theirs.keys()
        odd = ", ".join(sorted(name for name in both if ours.get(name) != theirs.get(name))[:5])
        raise ValueError(f"to_lora: base and model differ in more than numbers: {odd}")


def sizes(model, linears):
    """{name: shape} of a model's numbers, of a linear layer those that it acts with."""
    found = {n: p.shape for n, p in model.named_parameters() if n.rpartition(".")[0] not in linears}
    for name, layer in linears.items():
        bias = layer.effective_bias()
        found[name] = layer.in_features, layer.out_features, bias is not None
    return found
