"""Print the largest gradient error of each module, and the largest differences from torch.

    PYTHONPATH=tests python tests/reports/report_gradients.py

A gradient's error is max|a − n| / max(|a|, |n|) per tensor: backward's against central
differences, in float64. The differences from torch are those of the golden files.
"""

import argparse

import numpy as np

from golden.readers import golden_gpt2
from helpers.models import WAYS, LearnedPast, LearnedPrompt, moved, small_gpt, some_tokens
from lora_np.gradcheck import check_gradients
from lora_np.methods import LoRALinear
from lora_np.nn import MLP, Attention, Block, Embedding, Head, LayerNorm, Linear, Module, Wrapper
from lora_np.nn.functional import (
    dropout_backward,
    dropout_forward,
    gelu_backward,
    gelu_forward,
    softmax_backward,
    softmax_forward,
)


class Pair(Module):
    """A stateless forward and backward as a module."""

    def __init__(self, forward, backward):
        self.pair = (forward, backward)

    def forward(self, x, *, rng=None):
        return self.pair[0](x, rng) if rng else self.pair[0](x)

    def backward(self, dy, cache):
        return self.pair[1](dy, cache)


class OnlyDx(Wrapper):
    """Attention or a Block without a past: its backward's dpast is None."""

    def __init__(self, base):
        self.base = base

    def forward(self, x, *, rng=None):
        return self.base.forward(x, rng=rng)

    def backward(self, dy, cache):
        dx, dpast = self.base.backward(dy, cache)
        assert dpast is None
        return dx


def module_cases():
    """Yield (name, module, x, options for check_gradients), all float64."""
    rng = np.random.default_rng(0)

    def normal(*shape):
        return rng.standard_normal(shape)

    def linear(n_in, n_out):
        return Linear(normal(n_in, n_out) / 2, normal(n_out))

    def norm():
        return LayerNorm(normal(6), normal(6))

    x, dropout = normal(2, 4, 6), {"dropout": True}
    attention = Attention(linear(6, 18), linear(6, 6), 2, attn_pdrop=0.3, resid_pdrop=0.2)
    mlp = MLP(linear(6, 10), linear(10, 6), 0.3)
    drop = Pair(lambda x, rng: dropout_forward(x, 0.4, rng), dropout_backward)
    yield "softmax", Pair(softmax_forward, softmax_backward), x, {}
    yield "gelu", Pair(gelu_forward, gelu_backward), x, {}
    yield "dropout", drop, x, dropout
    yield "Linear", linear(6, 5), x, {}
    yield "LoRALinear", moved(LoRALinear(linear(6, 5), 2, 3.0, rng)), x, {}
    yield "Embedding", Embedding(normal(7, 5)), some_tokens(), {}
    yield "LayerNorm", norm(), x, {}
    yield "Head", Head(normal(4, 6)), x, {}
    yield "Attention", OnlyDx(attention), x, {}
    yield "Attention, dropout", OnlyDx(attention), x, dropout
    yield "MLP", mlp, x, {}
    yield "Block, dropout", OnlyDx(Block(norm(), attention, norm(), mlp)), x, dropout


def gpt_cases():
    """The whole GPT: frozen in parts, with every method, and behind a learned past or prompt."""
    base, tokens, rng = small_gpt(), some_tokens(), np.random.default_rng(4)
    for name, way in WAYS.items():
        options = {"dropout": True} if "dropout" in name else {}
        yield f"GPT, {name}", moved(way(base, rng), spread=0.2), tokens, options
    offsets = {"position": np.array([0, 3, 1])}
    yield "GPT, random positions", base, tokens, offsets
    frozen = base.view().freeze()
    yield "GPT, learned past", LearnedPast(frozen, 2, rng), tokens, {}
    yield "GPT, learned prompt", LearnedPrompt(frozen, 2, rng), tokens, {}


def main():
    print("largest gradient error of any tensor, float64 (aim 1e-7)")
    for name, module, x, options in [*module_cases(), *gpt_cases()]:
        errors = check_gradients(module, x, **options)
        worst = max(errors, key=errors.get)
        print(f"  {name:28} {errors[worst]:.1e}  {worst} of {len(errors)}")
    for dtype in (np.float64, np.float32):
        print(f"largest difference from torch, {np.dtype(dtype)}")
        for name in golden_gpt2.names():
            gaps = golden_gpt2.differences(name, dtype)
            print(f"  {name:28}", "  ".join(f"{what} {gap:.1e}" for what, gap in gaps.items()))


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    main()
