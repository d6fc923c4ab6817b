"""What each figure shows, computed by the package: from a figure's state to its numbers.

The pages' JavaScript computes the same for the first paint, and a test holds it to these
(tests/course/test_interactive.py); then these take over, in a Web Worker or in a notebook's kernel.
"""

import json

import numpy as np

from ...methods.lora import LoRALinear
from ...nn.linear import Linear
from ...quant.nf4 import quantize_nf4
from ...quant.nf4_linear import NF4Linear
from ...worked_example.numbers import half_squares, plain


def paths(state):
    """paths.mjs: one token through W and through A and B, and the gradients."""
    x, W, A, B, target = (np.array(state[name]) for name in ("x", "W", "A", "B", "target"))
    base = Linear(W)
    if state["fourBits"]:
        base = NF4Linear.from_linear(base, block_size=W.size)
    layer = LoRALinear(base, A.shape[1], state["alpha"], np.random.default_rng(0))
    layer.A.data[...], layer.B.data[...] = A, B
    y, cache = layer.forward(x)
    loss, dy = half_squares(y, target)
    layer.backward(dy, cache)
    beside, u = y - base(x), x @ A
    return {
        "W": base.effective_weight(), "s": layer.scale, "base": base(x), "u": u, "uB": u @ B,
        "beside": beside, "y": y, "dy": dy, "loss": loss, "du": layer.scale * dy @ B.T,
        "dA": layer.A.grad, "dB": layer.B.grad,
    }  # fmt: skip


ANSWERS = {"paths": paths}  # by the name of the figure


def answer(name, state):
    """The numbers of the figure `name` in this state, which is JSON, as JSON."""
    return json.dumps(plain(ANSWERS[name](json.loads(state))))
