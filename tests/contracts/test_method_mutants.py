"""Break each method's maths on purpose: some law of the contract must notice."""

import numpy as np
import pytest

from contracts.method_cases import alone
from contracts.method_laws import LAWS
from helpers.models import small_gpt
from lora_np.methods import IA3, BottleneckAdapters, PrefixTuning, PromptTuning
from lora_np.methods.inputs.prefix import PrefixTuned
from lora_np.methods.inputs.prompt import PromptTuned
from lora_np.methods.parts.bottleneck import Adapted
from lora_np.methods.product.ia3 import ScaledInput, ScaledOutput
from lora_np.nn import GPTConfig

CONFIG = GPTConfig(vocab_size=5, n_positions=10, n_embd=6, n_layer=2, n_head=2)


class ForgetsTheUpGradient(Adapted):
    def backward(self, dy, cache, **below):
        zero = (cache[0], cache[1], cache[2], 0 * cache[3])
        return super().backward(dy, zero, **below)


class ForgetsItsBranch(Adapted):
    def backward(self, dy, cache, **below):
        kept, self.down.data = self.down.data, 0 * self.down.data
        dx = super().backward(dy, cache, **below)
        self.down.data = kept
        return dx


class StartsAwayFromZero(Adapted):
    def forward(self, x, *, rng=None, **past):
        y, cache = super().forward(x, rng=rng, **past)
        return y + 1e-3, cache


class WritesToItsBase(Adapted):
    def backward(self, dy, cache, **below):
        self.base.parameters()[0].data[0] += 1e-3
        return super().backward(dy, cache, **below)


class ForgetsTheScaleBehind(ScaledOutput):
    def backward(self, dy, cache, **below):
        super().backward(dy, cache, **below)
        return self.base.backward(dy, cache[0], **below)


class ScalesTheBiasNot(ScaledOutput):
    def effective_bias(self):
        return self.base.effective_bias()


class ForgetsTheScaleBefore(ScaledInput):
    def backward(self, dy, cache, **below):
        return super().backward(dy, cache, **below) / self.l.data


class MixesHeadsAndPositions(PrefixTuned):
    def backward(self, dlogits, cache):
        super().backward(dlogits, cache)
        grad = self.table.prefix.grad
        if grad is not None:
            self.table.prefix.grad = grad.reshape(-1, 2)[:, ::-1].reshape(grad.shape)


class OnlyTheFirstSequence(PrefixTuned):
    def backward(self, dlogits, cache):
        dlogits = np.concatenate([dlogits[:1], 0 * dlogits[1:]])
        super().backward(dlogits, cache)


class GeneratesWithoutThePrefix(PrefixTuned):
    def new_past(self, batch, length):
        return self.base.new_past(batch, length)


class LeavesTheRealTokensInPlace(PromptTuned):
    def forward(self, tokens, *, past=None, position=0, **options):
        shifted = position if past is None else position + 1
        return super().forward(tokens, past=past, position=shifted, **options)


class AveragesTheBatch(PromptTuned):
    def _rows_backward(self, dx, cache):
        super()._rows_backward(dx / len(dx), cache)


MUTANTS = {
    BottleneckAdapters(3): [
        ForgetsTheUpGradient,
        ForgetsItsBranch,
        StartsAwayFromZero,
        WritesToItsBase,
    ],
    IA3(): [ForgetsTheScaleBehind, ScalesTheBiasNot, ForgetsTheScaleBefore],
    PrefixTuning(2): [MixesHeadsAndPositions, OnlyTheFirstSequence, GeneratesWithoutThePrefix],
    PromptTuning(2): [LeavesTheRealTokensInPlace, AveragesTheBatch],
}
PAIRS = [(method, kind) for method, kinds in MUTANTS.items() for kind in kinds]


class Broken:
    """The method, with the module that `kind` derives from replaced by `kind`."""

    def __init__(self, method, kind):
        self.method, self.kind = method, kind

    def apply(self, model, rng):
        model = self.method.apply(model, rng)
        for module in model.modules():
            if type(module) is self.kind.__bases__[0]:
                module.__class__ = self.kind
        return model


def failures(method, identity):
    """The laws that this method breaks."""
    case, broken = alone("mutant", method, count_of(method), identity), set()
    for law in LAWS:
        try:
            for seed in range(2):
                law(case, CONFIG, seed)
        except (AssertionError, ValueError):
            broken.add(law.__name__)
    return broken


def count_of(method):
    applied = getattr(method, "method", method).apply(small_gpt(CONFIG), np.random.default_rng(0))
    return lambda config: sum(p.size for p in applied.trainable_parameters())


@pytest.mark.parametrize(("method", "kind"), PAIRS, ids=[kind.__name__ for _, kind in PAIRS])
def test_mutant_is_caught(method, kind):
    identity = isinstance(method, BottleneckAdapters | IA3)
    assert failures(method, identity) == set()
    assert failures(Broken(method, kind), identity) != set()
