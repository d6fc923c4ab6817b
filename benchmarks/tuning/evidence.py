"""Every experiment from nothing under several kernels of OpenBLAS: which conclusions change?

    python benchmarks/tuning/evidence.py                          two hours of a processor a kernel
    python benchmarks/tuning/evidence.py --kernels Haswell,Sandybridge [EXPERIMENT …]

One `compare EXPERIMENT --seeds 5` a kernel, in a process of its own, its runs kept in
out/evidence/KERNEL, so that this can be stopped and started again. The numbers of the first kernel
go to results/, another's to results/KERNEL/, where the tests hold what the pages say to them too.
An experiment with `again(numbers)` is repeated there at the rates that the first kernel tuned.
Prints each claim with its interval, and what another kernel decides otherwise; exit status 1: it
decided the opposite.
"""

import argparse
import functools
import json
import os
import pathlib
import subprocess
import sys

from lora_np.course.experiments import EXPERIMENTS, conclusions, load, trained_by
from lora_np.system.files import write_json

RESULTS = pathlib.Path(__file__).parents[1] / "results"
OUT = pathlib.Path("out/evidence")
# Only a product shows what the processor lacks: it dies of it.
PROBE = """
import numpy
from lora_np.course.experiments.protocol import kernel
for n, kind in [(n, kind) for n in (2, 300) for kind in "fd"]:
    numpy.ones((n, n), kind) @ numpy.ones((n, n), kind) @ numpy.ones(n, kind)
print(kernel())
"""
AGAIN = """
import json, sys
from lora_np.course.experiments import load
from lora_np.system.files import write_json
name, stored, seeds, runs, out = sys.argv[1:]
write_json(out, load(name).again(json.load(open(stored, encoding="utf-8")), int(seeds), runs))
"""


def check_kernel(kernel):
    """Raise ValueError unless OpenBLAS takes the kernel of this name here, and multiplies by it."""
    done = subprocess.run(
        [sys.executable, "-c", PROBE],
        env=os.environ | {"OPENBLAS_CORETYPE": kernel},
        capture_output=True,
        text=True,
    )
    if (found := done.stdout.strip()) != kernel:
        what = f"runs {found}" if found else f"ends it with exit status {done.returncode}"
        raise ValueError(f"--kernels {kernel}: expected a kernel of this processor, which {what}")


@functools.cache  # several experiments read the same runs
def numbers_of(name, kernel, seeds, stored=None):
    """What `compare` returned for this experiment under this kernel, or `again` of `stored`."""
    path, runs = OUT / kernel / f"{name}.json", OUT / kernel / "runs"
    command = [sys.executable, "-m", "lora_np", "compare", name, "--seeds", str(seeds)]
    command += ["--runs", str(runs), "--out", str(path)]
    if stored:
        command = [sys.executable, "-c", AGAIN, name, stored, str(seeds), str(runs), str(path)]
    path.unlink(missing_ok=True)  # --out overwrites nothing; the runs are kept
    path.parent.mkdir(parents=True, exist_ok=True)
    environment = os.environ | {"OPENBLAS_CORETYPE": kernel}
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
    return json.loads(path.read_text(encoding="utf-8"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("experiments", nargs="*", choices=[*EXPERIMENTS, []], metavar="EXPERIMENT")
    parser.add_argument("--kernels", default="Haswell,Sandybridge", help="default %(default)s")
    parser.add_argument("--seeds", type=int, default=5)
    options = parser.parse_args()
    first, *others = options.kernels.split(",")
    try:
        for kernel in (first, *others):
            check_kernel(kernel)
    except ValueError as error:
        parser.error(str(error))
    opposite = 0
    for name in options.experiments or EXPERIMENTS:
        numbers = numbers_of(trained_by(name), first, options.seeds)
        write_json(stored := RESULTS / f"{trained_by(name)}.json", numbers)
        claims = load(name).claims(numbers)
        print(f"{name}, {first}\n{conclusions.table(claims)}", flush=True)
        for kernel in others:
            repeats = stored if hasattr(load(trained_by(name)), "again") else None
            found = numbers_of(trained_by(name), kernel, options.seeds, repeats)
            write_json(RESULTS / kernel / f"{trained_by(name)}.json", found)
            theirs = load(name).claims(found)
            ours = {claim: claims[claim] for claim in theirs} if repeats else claims
            for claim, one, two in conclusions.changed(ours, theirs):
                opposite += "not told apart" not in (one, two)
                print(f"  {kernel}: {claim}: {two}, not {one}", flush=True)
    return int(opposite > 0)


if __name__ == "__main__":
    sys.exit(main())
