"""What all sides of a comparison share: the weights, the batch, and how they answer.

A worker is a process that reads one JSON command a line and answers with one JSON line.
"""

import json
import os
import resource
import sys
import time

import numpy as np
import numpy.random  # before memory is first looked at: NumPy loads it when it is first used

from lora_np.system.process import reuse_memory

SIDE, PRODUCTS = 768, 40  # the square matrices whose product tells a side's rate


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


def fill(parameters):
    """Write random weights into {name: array}, the same ones for both sides, one by one.

    So neither side ever holds them twice. Norms' weights are near 1, all else near 0.
    """
    rng = np.random.default_rng(0)
    for name in sorted(parameters):
        array = parameters[name]
        rng.standard_normal(dtype=np.float32, out=array)
        array *= 0.05
        if "ln_" in name and name.endswith("weight"):
            array += 1


def factors(config, rank=8):
    """LoRA's A (d, r) and B (r, 3d) for each layer's c_attn; with B ≠ 0, no gradient is zero."""
    rng, d = np.random.default_rng(1), config["n_embd"]
    A = [rng.standard_normal((d, rank), np.float32) for _ in range(config["n_layer"])]
    B = [rng.standard_normal((rank, 3 * d), np.float32) for _ in range(config["n_layer"])]
    return [(a / d, b / rank) for a, b in zip(A, B)]


def matrix(shape):
    return np.random.default_rng(3).standard_normal(shape, np.float32)


def draw_tokens(B, length):
    return np.random.default_rng(2).integers(0, 256, (B, length))


def serve(build, multiply):
    """Answer commands until the input ends. `build(kind, shape)` returns (check, step).

    `check()` tells what was computed, `step()` does one step's work and returns its units: 1 for
    a training step, the number of tokens for generation. `multiply(a, b)` is this side's matrix
    product, of two of its arrays from NumPy's. Both sides reuse freed memory.
    """
    reuse_memory()
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
        elif command["do"] == "rate":
            a, b = matrix((SIDE, SIDE)), matrix((SIDE, SIDE))
            for _ in range(PRODUCTS // 4):  # threads that slept
                multiply(a, b)
            start = time.perf_counter()
            for _ in range(PRODUCTS):
                multiply(a, b)
            seconds = (time.perf_counter() - start) / PRODUCTS
            answer = {"rate": 2 * SIDE**3 / seconds / 1e9}
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
