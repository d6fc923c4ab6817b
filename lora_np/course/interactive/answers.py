"""What each figure shows, computed by the package: from a figure's state to its numbers.

The pages' JavaScript computes the same for the first paint, and a test holds it to these
(tests/course/test_interactive.py); then these take over, in a Web Worker or in a notebook's kernel.
"""

import json

import numpy as np

from ...methods.low_rank.lora_init import best_factors
from ...methods.low_rank.lora_linear import LoRALinear
from ...nn.linear import Linear
from ...quant.nf4 import CODEBOOK, quantize_nf4
from ...quant.quantized_linear import NF4Linear
from ...system.json_text import parse_json
from ...worked_example.numbers import X2, X, count, half_squares, lora_layer, plain
from . import lesson_answers


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


def wall(state):
    """wall.mjs: how near the moves that two tokens should make a layer of this rank comes."""
    tokens, moves = np.concatenate([X, X2]), np.array(state["moves"])
    layer = lora_layer(state["rank"], alpha=2.0 * state["rank"])
    coefficients, B = best_factors(moves, state["rank"], layer.scale)
    layer.A.data[...], layer.B.data[...] = np.linalg.pinv(tokens) @ coefficients, B
    reached = layer(tokens) - layer.base(tokens)
    return {"reached": reached, "loss": half_squares(reached, moves)[0]}


def in_bytes(state):
    """bytes.mjs: the bytes of W, A and B in float32."""
    arrays = {name: np.array(state[name], "<f4") for name in "WAB"}
    return {name: list(array.tobytes()) for name, array in arrays.items()}


def counted(state):
    """count.mjs: how many numbers of a square weight train."""
    found = count(state["width"], state["width"], state["rank"])
    kept = {name: found[name] for name in ("full", "lora", "share")}
    return kept | {"breakEven": found["break_even_rank"]}


def nf4(state):
    """nf4.mjs: a block of weights in four bits."""
    weights = np.array(state["weights"])
    made = quantize_nf4(weights, block_size=weights.size)
    absmax, values = made.absmax[0], made.dequantize()
    return {
        "absmax": float(absmax), "codes": made.unpack(), "values": values, "bytes": made.codes,
        "marks": CODEBOOK * absmax, "errors": values - weights,
    }  # fmt: skip


# By the name of the figure
ANSWERS = {"paths": paths, "wall": wall, "bytes": in_bytes, "count": counted, "nf4": nf4}
ANSWERS |= lesson_answers.ANSWERS


def answer(name, state):
    """The numbers of the figure `name` in this state, which is JSON, as JSON."""
    return json.dumps(plain(ANSWERS[name](parse_json(state))))
