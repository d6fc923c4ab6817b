"""What both sides of a comparison share: the weights, the batch, and how they answer.

A worker is a process that reads one JSON command a line and answers with one JSON line.
"""

import json
import os
import resource
import sys
import time

import numpy as np


def sizes(shape):
    """(layers, d, T, B) as GPT-2's configuration fields, and T and B."""
    n_layer, n_embd, T, B = shape
    config = {
        "vocab_size": 256,
        "n_positions": 512,
        "n_embd": n_embd,
        "n_layer": n_layer,
        "n_head": max(n_embd // 64, 2),
    }
    return config, T, B


def weights(config, rng):
    """{GPT-2 name: float32 array}, the same for both sides."""
    d = config["n_embd"]
    shapes = {
        "wte.weight": (config["vocab_size"], d),
        "wpe.weight": (config["n_positions"], d),
        "ln_f.weight": (d,),
        "ln_f.bias": (d,),
    }
    linear = {"attn.c_attn": (d, 3 * d), "attn.c_proj": (d, d), "mlp.c_fc": (d, 4 * d),
              "mlp.c_proj": (4 * d, d)}  # fmt: skip
    for i in range(config["n_layer"]):
        for name, shape in {"ln_1": (d,), "ln_2": (d,), **linear}.items():
            shapes[f"h.{i}.{name}.weight"] = shape
            shapes[f"h.{i}.{name}.bias"] = shape[-1:]
    arrays = {name: rng.standard_normal(shape) * 0.05 for name, shape in shapes.items()}
    for name in arrays:
        if ".ln_" in "." + name and name.endswith("weight"):
            arrays[name] += 1
    return {name: array.astype(np.float32) for name, array in arrays.items()}


def factors(config, rng, rank=8):
    """LoRA's A (d, r) and B (r, 3d) for each layer's c_attn; with B ≠ 0, no gradient is zero."""
    d = config["n_embd"]

    def draw(*shape):
        return (rng.standard_normal(shape) * 0.05).astype(np.float32)

    return [(draw(d, rank), draw(rank, 3 * d)) for _ in range(config["n_layer"])]


def setting(shape):
    """Configuration, weights, factors and tokens (B, T + 1) of one comparison."""
    config, T, B = sizes(shape)
    rng = np.random.default_rng(0)
    return config, weights(config, rng), factors(config, rng), rng.integers(0, 256, (B, T + 1))


def serve(build):
    """Answer commands until the input ends. `build(kind, shape)` returns (check, step).

    `check()` tells what was computed, `step()` does one step's work and returns its units: 1 for
    a training step, the number of tokens for generation.
    """
    at_import, step = peak(), None
    for line in sys.stdin:
        command = json.loads(line)
        if command["do"] == "build":
            check, step = build(command["kind"], command["shape"])
            answer = check()
            for _ in range(5):  # caches, thread pools, allocators
                step()
        elif command["do"] == "run":
            start, units = time.perf_counter(), 0
            while time.perf_counter() - start < command["seconds"]:
                units += step()
            answer = {"seconds": (time.perf_counter() - start) / units}
        else:
            answer = {"growth": peak() - at_import}
        print(json.dumps(answer), file=real_output, flush=True)


def peak():
    """The largest resident memory so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def summary(gradient):
    """A gradient's norm and a fixed random projection of it."""
    flat = np.asarray(gradient, np.float64).ravel()
    v = np.random.default_rng(1).standard_normal(flat.size)
    return [float(np.linalg.norm(flat)), float(flat @ v)]


# Libraries print notices; the answers go to the real output, everything else to standard error.
real_output = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
