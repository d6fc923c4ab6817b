"""LoRA's starts that look at data first: each makes an `init` for LoRA, of a model and a batch.

    LoRA(8, 16.0, init=eva(base, batch)).apply(base, rng)

What a layer read, or its weight's gradient, is kept by the layer's own weight, whatever view of the
model LoRA is then applied to.
"""

import numpy as np

from ...nn.linear import Linear, LinearLike, rows
from ...nn.module import Module, Wrapper
from ...system.checks import check_real
from .lora_init import plain_weight, zero_b


class Watched(Wrapper, LinearLike):
    """The layer itself; what it reads goes into `seen` as well."""

    def __init__(self, base, seen):
        self.base, self.seen = base, seen

    def forward(self, x, *, rng=None):
        self.seen.append(x)
        return self.base.forward(x)


def inputs(model, batch):
    """{id of a weight: what its layer reads (B, T, in)}"""
    view, seen = model.view(), {}
    for name, layer in list(view.linears()):
        seen[id(plain_weight(layer))] = read = []
        view.replace(name, Watched(layer, read))
    view(batch.tokens)
    return {key: read[0] for key, read in seen.items()}


def eva(model: Module, batch):
    """A holds the directions in which what a layer reads varies most; B is zero (2410.07170, §3).

    They are the first right singular vectors of the inputs about their mean, as in PEFT. Every
    layer keeps the same rank: its redistribution by explained variance (ρ > 1) is left out.
    """
    read = inputs(model, batch)

    def init(base, rank, scale, rng):
        x = rows(read[id(plain_weight(base))])
        _, A, B = zero_b(base, rank, scale, rng)
        A[...] = np.linalg.svd(x - x.mean(axis=0), full_matrices=False)[2][:rank].T
        return base, A, B

    return init


def corda(model: Module, batch, keep: bool = False):
    """The factors hold what W does most with what it reads, and the base the rest (2406.05223).

    WᵀC = USVᵀ with C the inputs' covariance; A = C⁻¹V√(S/s), B = √(S/s)Uᵀ, of the first r, or of
    the last with `keep`: then what the model knows is kept, and what learns is what it used least.
    Each sequence is divided by |its largest number|, and C's diagonal raised until it inverts well,
    as in PEFT.
    """
    read = inputs(model, batch)

    def init(base, rank, scale, rng):
        W = plain_weight(base)
        x = read[id(W)].astype(np.float64)
        x = x / np.abs(x.max(axis=(1, 2), keepdims=True))
        C, damp, n = np.einsum("bti,btj->ij", x, x) / len(x), 0.01, len(W)
        while True:
            damped = C + damp * np.diag(C).mean() * np.eye(n)
            inverse = np.linalg.inv(damped)
            if np.linalg.norm(damped @ inverse - np.eye(n)) < 0.05:
                break
            damp *= 2
        U, S, Vt = np.linalg.svd(W.T @ damped, full_matrices=False)
        part = slice(-rank, None) if keep else slice(rank)
        root = np.sqrt(S[part] / scale)
        A = ((Vt[part] @ inverse).T * root).astype(W.dtype)
        B = (root[:, None] * U[:, part].T).astype(W.dtype)
        return Linear(W - scale * (A @ B), base.bias), A, B

    return init


def lora_ga(model: Module, batch, objective, gamma: float = 16.0):
    """The first step of LoRA goes as near as it can to full fine-tuning's (2407.05000, §3.2).

    The weight's gradient is USVᵀ; A takes its first r singular directions on the input's side, B
    the next r on the output's, each scaled by out^¼/√γ, and the base gives them up: so the layer
    computes what it did. (PEFT scales B alone, and by S too.)
    """
    check_real("lora_ga: expected gamma", gamma)
    view = model.view().freeze()
    weights = {id(layer.weight.data): layer.weight for _, layer in view.linears()}
    for weight in weights.values():
        weight.trainable = True
    logits, cache = view.forward(batch.tokens)
    view.backward(objective(logits, batch)[1], cache)

    def init(base, rank, scale, rng):
        W = plain_weight(base)
        U, _, Vt = np.linalg.svd(weights[id(W)].grad, full_matrices=False)
        size = base.out_features**0.25 / np.sqrt(gamma)
        A = (size * U[:, :rank]).astype(W.dtype)
        B = (size * Vt[rank : 2 * rank]).astype(W.dtype)
        if len(B) < rank:
            most = min(W.shape) // 2
            raise ValueError(f"lora_ga: expected a rank up to {most} for {W.shape}, got {rank}")
        return Linear(W - scale * (A @ B), base.bias), A, B

    return init
