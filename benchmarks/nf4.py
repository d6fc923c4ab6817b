"""NF4 beside bitsandbytes on this CPU, in turns, in one process: needs the `peers` extra.

    python benchmarks/nf4.py [--size 4096] [--rounds 15] [--threads 2] [--json]

Prints seconds and the ratio ours / theirs of each turn: median, and the quartiles around it.
"""

import argparse
import json
import os
import time

arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
arguments.add_argument("--size", type=int, default=4096, help="rows and columns of the matrix")
arguments.add_argument("--rounds", type=int, default=15)
arguments.add_argument("--threads", type=int, default=2, help="for either side")
arguments.add_argument("--json", action="store_true", help="one JSON object, nothing else")
options = arguments.parse_args()
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[name] = str(options.threads)  # read when the libraries load, so before the imports

import bitsandbytes.functional as bnb  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402

from lora_np.quant import NF4Tensor, quantize_nf4  # noqa: E402

WARM_UP = 3  # turns, for caches, thread pools and the allocator


def their_quantize(tensor):
    return bnb.quantize_4bit(tensor, blocksize=64, quant_type="nf4")


def their_dequantize(quantized):
    return bnb.dequantize_4bit(*quantized)


def seconds_of(function, value):
    """One call's seconds; its result is dropped before the other side's turn."""
    start = time.perf_counter()
    function(value)
    return time.perf_counter() - start


def in_turns(ours, theirs):
    """Seconds (2, rounds) of two (function, value) pairs, one after the other, once warm."""
    turns = [(seconds_of(*ours), seconds_of(*theirs)) for _ in range(WARM_UP + options.rounds)]
    return np.array(turns[WARM_UP:]).T


def measure(weight):
    """{operation: seconds (ours, theirs)}, and first that both give the same bits."""
    tensor = torch.from_numpy(weight)
    ours, theirs = quantize_nf4(weight), their_quantize(tensor)
    assert np.array_equal(ours.codes, theirs[0].numpy().ravel()), "the codes differ"
    same = np.array_equal(ours.dequantize(), their_dequantize(theirs).numpy())
    assert same, "the values differ"
    return {
        "quantize": in_turns((quantize_nf4, weight), (their_quantize, tensor)),
        "dequantize": in_turns((NF4Tensor.dequantize, ours), (their_dequantize, theirs)),
    }


def main():
    torch.set_num_threads(options.threads)
    shape = (options.size, options.size)
    weight = np.random.default_rng(0).standard_normal(shape, np.float32)
    report = {"shape": shape, "threads": options.threads, "rounds": options.rounds}
    for operation, (ours, theirs) in measure(weight).items():
        low, middle, high = np.percentile(ours / theirs, [25, 50, 75])
        report[operation] = {
            "ours_seconds": float(np.median(ours)),
            "theirs_seconds": float(np.median(theirs)),
            "ratio": float(middle),
            "ratio_quartiles": [float(low), float(high)],
        }
    if options.json:
        print(json.dumps(report))
        return
    print(f"{shape[0]} × {shape[1]} float32, {options.threads} threads, {options.rounds} turns")
    for operation in ("quantize", "dequantize"):
        row = report[operation]
        low, high = row["ratio_quartiles"]
        print(
            f"{operation:11} ours {1e3 * row['ours_seconds']:7.1f} ms   "
            f"bitsandbytes {1e3 * row['theirs_seconds']:7.1f} ms   "
            f"ratio {row['ratio']:.3f} ({low:.3f} to {high:.3f})"
        )


if __name__ == "__main__":
    main()
