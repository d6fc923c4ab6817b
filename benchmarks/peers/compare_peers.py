"""Training steps, generation and NF4 beside torch + transformers + PEFT + bitsandbytes.

    python benchmarks/peers/compare_peers.py [--blocks 9] [--threads 2] [--only lora] [--width 64]

Two processes, one for each side, hold the same weights and batch. First both compute the loss and
every gradient (or the tokens, or the codes), which must agree, and lora_np must give the same bits
on one thread. Then they work in turns, a block of at least half a second each. Prints the ratio
ours / theirs: median, and the quartiles around it; each side's own rate in a plain matrix product
in the same turns; how much each side's memory grew after its imports, at most; and for `floor`, a
LoRA step over its own bare matrix products. With `--kernel Haswell` both multiply with AVX2
kernels; `best` leaves each its own, and gives MKL its fast ones on any maker's processor. Rows go
into results/peers.json, in place of those measured before; --plot draws all of them. `reading.py`
runs everything. Needs the extra `peers`.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from lora_np.system.files import whole_file

HERE = pathlib.Path(__file__).parent
RESULTS = HERE.parent / "results" / "peers.json"
SHAPES = [(2, 64, 64, 16), (4, 128, 64, 16), (2, 512, 128, 8)]  # layers, d, T, B
MATRIX = [(4096, 4096)]
KINDS = {  # what is compared: at which shapes
    "lora": SHAPES,
    "lora-compiled": SHAPES,  # torch.compile on their side
    "full": SHAPES,
    "full-compiled": SHAPES,
    "qlora": SHAPES,
    "floor": SHAPES,
    "generate": SHAPES,
    "generate-loop": SHAPES,
    "nf4-quantize": MATRIX,
    "nf4-dequantize": MATRIX,
    "import": [()],
}


def mkl_as_on_intel():
    """{"LD_PRELOAD": a library by which MKL takes its fast kernels on other makers' chips too}.

    MKL asks its own function who made the processor; this answers for it. Needs a C compiler, and
    without one MKL is left as it is.
    """
    if any(line.startswith("vendor_id") and "Intel" in line for line in open("/proc/cpuinfo")):
        return {}
    library = os.path.join(tempfile.gettempdir(), f"mkl_as_on_intel_{os.getuid()}.so")
    source = "int mkl_serv_intel_cpu_true(void) { return 1; }"
    command = ["cc", "-shared", "-fPIC", "-x", "c", "-", "-o", library]
    try:
        subprocess.run(command, input=source, text=True, check=True)
    except (FileNotFoundError, subprocess.CalledProcessError):
        return {}
    return {"LD_PRELOAD": library}


KERNELS = {  # what both sides' matrix products are told of the processor
    "best": mkl_as_on_intel(),
    "Haswell": mkl_as_on_intel()
    | {"OPENBLAS_CORETYPE": "Haswell", "MKL_ENABLE_INSTRUCTIONS": "AVX2"},
}


class Worker:
    """A process that answers one JSON line for each JSON line."""

    def __init__(self, script, threads, kernel):
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "LORA_NP_THREADS")
        limits = dict.fromkeys(names, str(threads))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, **limits, **KERNELS[kernel]},
        )

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
    """Over the loss and each gradient's norm and projection, relative to the norm; else 0 or 1."""
    if "gradients" not in ours:
        return float(ours != theirs)
    assert ours["same_bits"], "one thread gives other bits"
    assert ours["gradients"].keys() == theirs["gradients"].keys(), "not the same parameters learn"
    gaps = [abs(ours["loss"] / theirs["loss"] - 1)]
    for name, (norm, projection) in ours["gradients"].items():
        their_norm, theirs_projected = theirs["gradients"][name]
        gaps += [abs(norm / their_norm - 1), abs(projection - theirs_projected) / their_norm]
    return max(gaps)


def compare(kind, shape, blocks, threads, kernel):
    """One row: the sides built, checked, timed in turns."""
    row = {"kind": kind, "shape": shape, "threads": threads, "kernel": kernel}
    row["machine"] = machine()
    if kind == "import":
        return row | ratios(
            [
                [seconds_to_import("lora_np"), seconds_to_import("numpy")]
                for _ in range(2 * blocks + 1)
            ]
        )
    ours, theirs = (
        Worker("ours.py", threads, kernel),
        Worker("floor.py" if kind == "floor" else "theirs.py", threads, kernel),
    )
    both = (ours, theirs)
    checks = [
        worker("build", kind="lora" if kind == "floor" else kind, shape=shape) for worker in both
    ]
    if kind != "floor":
        row["difference"] = largest_difference(*checks)
        assert row["difference"] < 1e-3, f"{kind} {shape}: the sides differ: {row['difference']}"
    row |= {name: checks[1][name] for name in ("kernels",) if name in checks[1]}
    times, rates = [], []
    for _ in range(blocks):
        times.append([worker("run", seconds=0.5)["seconds"] for worker in both])
        rates.append([worker("rate")["rate"] for worker in both])
    row |= ratios(times) | {"rates": np.median(rates, axis=0).tolist()}
    if kind != "floor":
        growth = [worker("memory")["growth"] for worker in both]
        row |= {"memory_growth": growth, "memory_ratio": growth[0] / growth[1]}
    for worker in both:
        worker.close()
    return row


def ratios(times):
    """Of [[ours, theirs] for each block], in seconds."""
    times = np.array(times)
    low, median, high = np.quantile(times[:, 0] / times[:, 1], [0.25, 0.5, 0.75])
    seconds = np.median(times, axis=0).tolist()
    return {"ratio": median, "quartiles": [low, high], "seconds": seconds}


def seconds_to_import(name):
    code = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
    return float(
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout
    )


def describe(row):
    sizes = " × ".join(map(str, row["shape"]))
    low, high = row["quartiles"]
    ours, theirs = (1e3 * seconds for seconds in row["seconds"])
    line = f"{row['kind']:<15} {sizes:<18} {row['ratio']:>5.2f}  {low:5.2f} - {high:4.2f}"
    line += f"  {ours:8.2f} {theirs:8.2f}"
    if "rates" in row:
        line += "  {:4.0f} {:4.0f}".format(*row["rates"])
    if "memory_ratio" in row:
        a, b = (bytes_ / 1e6 for bytes_ in row["memory_growth"])
        line += f"  {row['memory_ratio']:5.2f}  {a:5.0f} {b:5.0f}  {row['difference']:.0e}"
    if "kernels" in row:
        loaded = [f"{name} {'' if yes else 'not '}loaded" for name, yes in row["kernels"].items()]
        line += f"  bitsandbytes' kernels: {', '.join(loaded)}"
    return line


def keep(rows):
    """The rows measured before with these in their place, written down."""
    before = json.loads(RESULTS.read_text()) if RESULTS.exists() else []
    every = {key_of(row): row for row in [*before, *rows]}
    order = [
        (kernel, k, shape) for kernel in KERNELS for k, shapes in KINDS.items() for shape in shapes
    ]
    every = [every[key] for key in order if key in every]
    with whole_file(RESULTS) as temporary:
        temporary.write_text(json.dumps(every, indent=1) + "\n")
    return every


def key_of(row):
    """What a row replaces; rows of before kernels were told apart are of the best."""
    return row.get("kernel", "best"), row["kind"], tuple(row["shape"])


def machine():
    """The processor's name and how many of its cores there are."""
    with open("/proc/cpuinfo") as file:
        names = {line.split(":")[1].strip() for line in file if line.startswith("model name")}
    return f"{', '.join(sorted(names))}, {os.cpu_count()} cores"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--blocks", type=int, default=9, help="turns of each side")
    parser.add_argument("--threads", type=int, default=2, help="for each side")
    parser.add_argument("--only", choices=KINDS, action="append", help="may be given repeatedly")
    parser.add_argument("--width", type=int, help="only the shape of this d")
    parser.add_argument("--kernel", choices=KERNELS, default="best")
    parser.add_argument("--plot", metavar="FILE")
    options = parser.parse_args()
    print(
        "                layers × d × T × B  ratio  quartiles     ms ours   theirs  "
        "GF/s  of both  memory  MB ours, theirs  differ"
    )
    rows = []
    for kind in options.only or KINDS:
        for shape in KINDS[kind]:
            if options.width not in (None, *shape[1:2]):
                continue
            how = options.blocks, options.threads, options.kernel
            rows.append(compare(kind, shape, *how))
            print(describe(rows[-1]), flush=True)
    rows = keep(rows)
    if options.plot:
        from draw import draw

        draw(rows, options.plot)


if __name__ == "__main__":
    main()
