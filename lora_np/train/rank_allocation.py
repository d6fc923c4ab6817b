"""AdaLoRA's ranks, given where they matter while training (Zhang et al. 2023, arXiv 2303.10512)."""

import numpy as np

from ..methods import AdaLoRA
from ..methods.low_rank.adalora import AdaLoRALinear
from ..methods.targets import layers_of
from ..nn.module import Module
from ..system.checks import check_real, check_whole
from .optim import Optimizer

BETA = 0.85  # how slowly sensitivity and its uncertainty are averaged (§3.2; PEFT's)


class RankAllocation(Optimizer):
    """An optimizer around another, whose steps also decide which triplets keep their E.

    sensitivity  I = |w·dw|, of each number;  Ī ← βĪ + (1−β)I,  Ū ← βŪ + (1−β)|I − Ī|   (eq. 4–6)
    a triplet's score = ĪŪ of its E + the means of ĪŪ over its column of A and row of B    (eq. 7)

    At every `every`-th step from `warmup` on, those with the least scores lose their E, down to a
    budget: all at `warmup`, falling by a cubic to the target at steps − `last` (eq. 9); after that
    those that are left train on. One that lost its E may grow again until then. `apart` weighs the
    penalty ‖AᵀA − I‖² + ‖BBᵀ − I‖² that makes a triplet stand for a direction of its own (eq. 4).
    """

    def __init__(
        self, optimizer: Optimizer, model: Module, steps: int, *, warmup: int = 0, last: int = 0,
        every: int = 1, apart: float = 0.1,
    ):  # fmt: skip
        check_whole("RankAllocation: expected steps", steps, 0)
        check_whole("RankAllocation: expected a warmup", warmup, 0)
        check_whole("RankAllocation: expected last", last, 0)
        check_whole("RankAllocation: expected every", every)
        check_real("RankAllocation: expected apart", apart, "from 0")
        self.optimizer, self.groups, self.rate = optimizer, optimizer.groups, 1.0
        self.warmup, self.end, self.every, self.apart = warmup, steps - last, every, apart
        self.layers = [layer for _, layer in layers_of(model, AdaLoRALinear)]
        self.all, self.target = sum(e.E.size for e in self.layers), target_of(model, self.layers)
        learn = [p for e in self.layers for p in (e.E, e.A, e.B)]
        self.averages = [np.zeros((2, *p.shape), p.dtype) for p in learn]  # Ī and Ū
        self.left = [np.ones(layer.E.shape, np.int64) for layer in self.layers]
        self.t = np.zeros(1, np.int64)

    def state(self):
        own = {f"average.{i}": a for i, a in enumerate(self.averages)} | {"steps": self.t}
        own |= {f"left.{i}": left for i, left in enumerate(self.left)}
        return self.optimizer.state() | {f"ranks.{name}": array for name, array in own.items()}

    def step(self):
        learn = [p for e in self.layers for p in (e.E, e.A, e.B)]
        for layer in self.layers:
            for p, product in (layer.A, layer.A.data.T), (layer.B, layer.B.data):
                if p.grad is not None and self.apart:
                    excess = product @ product.T - np.eye(len(product), dtype=p.dtype)
                    push = 4 * self.apart * (excess @ product)  # of ‖excess‖²
                    p.grad += push.T if p is layer.A else push
        gradients = [p.grad for p in learn]
        self.optimizer.rate = self.rate
        self.optimizer.step()
        t = int(self.t[0])
        if t < self.end:
            for p, g, (mean, spread) in zip(learn, gradients, self.averages):
                now = np.abs(p.data * (0 if g is None else g))
                mean += (1 - BETA) * (now - mean)
                spread += (1 - BETA) * (np.abs(now - mean) - spread)
        if t == self.end or self.warmup < t < self.end and t % self.every == 0:
            self.allot(self.budget(t))
        if t >= self.end:
            for layer, left in zip(self.layers, self.left):
                layer.E.data *= left.astype(layer.dtype)
        self.t += 1

    def budget(self, t):
        share = (1 - (t - self.warmup) / max(1, self.end - self.warmup)) ** 3
        return int((self.all - self.target) * share + self.target)

    def allot(self, budget):
        """Take E from the least triplets, so that `budget` keep theirs; the rest may have them."""
        each = iter([mean * spread for mean, spread in self.averages])
        scores = [E + A.mean(axis=0) + B.mean(axis=1) for E, A, B in zip(each, each, each)]
        if budget < self.all:
            least = np.sort(np.concatenate(scores))[self.all - budget - 1]
            for layer, left, score in zip(self.layers, self.left, scores):
                left[...] = score > least
                layer.E.data *= left.astype(layer.dtype)


def target_of(model, layers):
    """How many triplets are left in the end."""
    return len(layers) * next(m.target for m in model.methods if isinstance(m, AdaLoRA))


def allocating(optimizer: Optimizer, model: Module, steps: int) -> Optimizer:
    """`optimizer`, around which ranks are allocated wherever a layer's are to be."""
    check_whole("allocating: expected steps", steps, 0)
    if not any(layers_of(model, AdaLoRALinear)):
        return optimizer
    tenth = steps // 10
    return RankAllocation(optimizer, model, steps, warmup=tenth, last=3 * tenth, every=5)
