"""The most memory that a training step holds: the sum that formulas predict, beside what it is."""

import math
import tracemalloc

import numpy as np

from ..memory import formulas
from ..memory.measured import array_bytes, held, optimizer_bytes
from ..methods import LoRALinear
from ..nn import Linear
from ..quant import NF4Linear, QuantizedLinear
from ..system.checks import check_whole
from ..system.free_memory import free_bytes
from ..train.adamw_8bit import CHUNK, AdamW8bit
from ..train.loop import train
from ..train.optim import AdamW
from ..train.step import forward_backward

DRAWN = 28  # bytes a number, about, while a layer's weight is drawn and then trained


def peak_of_a_step(model, optimizer, batch, objective, recompute=False):
    """`held_in_a_step` of a GPT, "passing" temporaries, their sum "predicted", and "measured"."""
    parts = held_in_a_step(model, optimizer, batch, objective, recompute)
    in_4_bits = [m.quantized for m in model.modules() if isinstance(m, QuantizedLinear)]
    largest = max(p.size for p in optimizer.parameters)
    if isinstance(optimizer, AdamW8bit):
        largest = min(largest, 4 * CHUNK)  # a chunk at a time, in eight temporaries
    dense = max((math.prod(q.shape) for q in in_4_bits), default=0)
    predicted = formulas.peak(
        model.config, *batch.tokens.shape, parts, largest=largest, dense=dense, recompute=recompute
    )
    measured = measured_peak(model, optimizer, batch, objective, recompute)
    passing = predicted - sum(parts.values())
    return {**parts, "passing": passing, "predicted": predicted, "measured": measured}


def measured_peak(model, optimizer, batch, objective, recompute=False):
    """The most bytes that stood at once in two steps of `train`, weights and moments included.

    NumPy tells `tracemalloc` of every array it makes, so this counts them to the byte, the same on
    every machine; a process's own size has Python in it, and what the C library keeps for later.
    """

    def steps():
        how = {"steps": 2, "progress": False, "recompute": recompute}
        train(model, iter([batch] * 2), objective, optimizer, **how)

    steps()  # what Python itself makes but once is none of theirs
    before = array_bytes(model) + optimizer_bytes(optimizer)
    tracemalloc.start()
    try:
        steps()
        return before + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def held_in_a_step(model, optimizer, batch, objective, recompute=False):
    """`held`, and "activations": what forward keeps for backward, but for weights and tokens."""
    x, cache = model.forward_body(batch.tokens, recompute=recompute)
    _, head_cache = model.lm_head.forward(x[:1])  # if it keeps one sequence, it keeps them all
    inputs = array_bytes(batch.tokens)
    activations = array_bytes(cache, head_cache, batch.tokens) - inputs
    forward_backward(model, batch, objective, recompute=recompute)
    result = {**held(model, optimizer), "activations": activations}
    for parameter in optimizer.parameters:
        parameter.grad = None
    return result


def layer_rows(n_in, n_out, rank, rng, tokens=1):
    """What a linear layer trains and holds, measured: full fine-tuning, LoRA and QLoRA."""
    sizes = {"n_in": n_in, "n_out": n_out, "rank": rank, "tokens": tokens}
    for name, size in sizes.items():
        check_whole(f"layer_rows: expected {name}", size)
    need, free = DRAWN * n_in * n_out, free_bytes()
    if free is not None and need > free:
        raise ValueError(
            f"there is not enough memory to measure a layer {n_in} x {n_out}: about "
            f"{need / 1e9:.3g} GB, and {free / 1e9:.3g} GB are free; try a smaller one"
        )
    weight = (rng.standard_normal((n_in, n_out)) / n_in**0.5).astype(np.float32)
    layers = {
        "full fine-tuning": Linear(weight),
        f"LoRA r {rank}": LoRALinear(Linear(weight), rank, 2.0 * rank, rng),
        f"QLoRA r {rank}": LoRALinear(NF4Linear.from_linear(Linear(weight)), rank, 2.0 * rank, rng),
    }
    x, rows = rng.standard_normal((tokens, n_in), dtype=np.float32), []
    for name, layer in layers.items():
        optimizer = AdamW(layer.trainable_parameters())
        y, cache = layer.forward(x)
        layer.backward(np.ones_like(y), cache)
        in_step, trained = held(layer, optimizer), sum(p.size for p in optimizer.parameters)
        total = sum(in_step.values())
        rows.append({"name": name, "trained": trained, **in_step, "total": total})
    return rows
