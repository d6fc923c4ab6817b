"""A training step, and generation, beside torch + transformers + PEFT on this machine.

    python benchmarks/compare_peers.py [--blocks 9] [--threads 2] [--json FILE] [--only lora]

Two processes, one for each side, hold the same weights and batch. First both compute the loss and
every gradient, which must agree; then they work in turns, a block of at least half a second each.
Prints the ratio ours / theirs: median, and the quartiles around it. Needs the extra `peers`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys

import numpy as np

HERE = pathlib.Path(__file__).parent / "peers"
SHAPES = [(2, 64, 64, 16), (4, 128, 64, 16), (2, 512, 128, 8)]  # layers, d, T, B
KINDS = ["lora", "full", "qlora", "generate", "generate-loop"]


class Worker:
    """A process that answers one JSON line for each JSON line."""

    def __init__(self, script, threads):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LORA_NP_THREADS")
        limits = dict.fromkeys(names, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, env={**os.environ, **limits},
        )  # fmt: skip

    def __call__(self, do, **more):
        print(json.dumps({"do": do, **more}), file=self.process.stdin, flush=True)
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} ended; run it by hand to see why")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def largest_difference(ours, theirs):
    """Over the loss and each gradient's norm and projection, relative to the norm."""
    if "tokens" in ours:
        return float(np.mean(np.array(ours["tokens"]) != np.array(theirs["tokens"])))
    assert ours["gradients"].keys() == theirs["gradients"].keys(), "not the same parameters learn"
    gaps = [abs(ours["loss"] / theirs["loss"] - 1)]
    for name, (norm, projection) in ours["gradients"].items():
        their_norm, theirs_projected = theirs["gradients"][name]
        gaps += [abs(norm / their_norm - 1), abs(projection - theirs_projected) / their_norm]
    return max(gaps)


def compare(kind, shape, blocks, threads):
    ours, theirs = Worker("ours.py", threads), Worker("theirs.py", threads)
    checks = [worker("build", kind=kind, shape=shape) for worker in (ours, theirs)]
    difference = largest_difference(*checks)
    assert difference < 1e-3, f"{kind} {shape}: the two sides differ by {difference:.2g}"
    times = np.array([
        [worker("run", seconds=0.5)["seconds"] for worker in (ours, theirs)] for _ in range(blocks)
    ])  # fmt: skip
    growth = [worker("memory")["growth"] for worker in (ours, theirs)]
    for worker in (ours, theirs):
        worker.close()
    low, median, high = np.quantile(times[:, 0] / times[:, 1], [0.25, 0.5, 0.75])
    return {"kind": kind, "shape": shape, "difference": difference, "ratio": median,
            "quartiles": [low, high], "seconds": np.median(times, axis=0).tolist(),
            "memory_growth": growth, "memory_ratio": growth[0] / growth[1]}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=9, help="turns of each side")
    parser.add_argument("--threads", type=int, default=2, help="for each side")
    parser.add_argument("--only", choices=KINDS, action="append", help="may be given repeatedly")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    print("kind           layers    d    T   B   ours/theirs   quartiles      memory  differ")
    for kind in options.only or KINDS:
        for shape in SHAPES if not kind.startswith("generate") else SHAPES[:2]:
            row = compare(kind, shape, options.blocks, options.threads)
            rows.append(row)
            sizes = "{:>6} {:>4} {:>4} {:>3}".format(*shape)
            low, high = row["quartiles"]
            line = f"{kind:<14} {sizes}   {row['ratio']:>8.2f}      {low:.2f} - {high:.2f}"
            print(f"{line}   {row['memory_ratio']:>7.2f}  {row['difference']:.0e}", flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
