"""Kill a sweep at random moments and run it again: nothing done is lost, and nothing is left over.

    PYTHONPATH=tests python tests/robustness/faults_sweep.py [--trials 20] [--seed 0]

On Linux and other POSIX systems. Its processes must end with it, too. The exit status is the
number of broken promises.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from helpers import sweep_cells
from lora_np.recipes.sweep import Unfinished, path_of, sweep
from robustness.faults import begin, child, report, strays

PAGE = 4096  # bytes that the least file takes in a tmpfs
CELLS = [{"rank": rank, "lr": 0.01, "seed": seed} for rank in (1, 2, 3) for seed in range(4)]


def swept(path):
    os.setsid()  # so that what it starts can be found again
    sweep(CELLS, sweep_cells.small_train, path, processes=2, progress=False)


def gone(group):
    """Whether all processes of the group end within an hour; those that hang are ended here."""
    for _ in range(36_000):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    return False


def killed_in_a_sweep(path, trials, rng):
    """The results of a plain loop, whatever was killed, and no more files than cells."""
    serial = [json.loads(json.dumps(sweep_cells.small_train(cell))) for cell in CELLS]
    start = time.perf_counter()
    os.waitpid(begin(lambda: swept(path / "unbroken")), 0)
    seconds = time.perf_counter() - start
    for trial in range(trials):
        out = path / str(trial)
        pid = begin(lambda out=out: swept(out))
        time.sleep(float(rng.uniform(0, seconds)))
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        ended = gone(pid)
        kept = {p: p.stat().st_mtime_ns for p in out.glob("*.json")} if out.exists() else {}
        results = sweep(CELLS, sweep_cells.small_train, out, processes=2, progress=False)
        files = sorted(out.iterdir()) == sorted(path_of(cell, out) for cell in CELLS)
        untouched = all(p.stat().st_mtime_ns == time for p, time in kept.items())
        yield ended and results == serial and files and untouched and not strays(out)


def full_in_a_sweep(path, trials, rng):
    """On a disk that fills up: an error that says so, whole results; with room, only the rest."""
    serial = [json.loads(json.dumps(sweep_cells.small_train(cell))) for cell in CELLS]
    for _ in range(trials):
        size = int(rng.integers(2, len(CELLS))) * PAGE
        if not mounted(path, "-t", "tmpfs", "-o", f"size={size}", "none"):
            return  # not root, or not Linux: nothing tried, as the line says
        try:
            ended = child(lambda: unfinished(lambda: swept(path)))
            kept = {p: p.stat().st_mtime_ns for p in path.glob("*.json")}
            room = mounted(path, "-o", f"remount,size={1 << 20}")
            results = sweep(CELLS, sweep_cells.small_train, path, processes=2, progress=False)
            untouched = all(p.stat().st_mtime_ns == time for p, time in kept.items())
            begun = 0 < len(kept) < len(CELLS)
            yield ended == 0 and begun and room and results == serial and untouched
            assert not strays(path)
        finally:
            subprocess.run(["umount", "-l", path], check=True)


def mounted(path, *how):
    return subprocess.run(["mount", *how, path], capture_output=True).returncode == 0


def unfinished(work):
    try:
        work()
    except Unfinished as error:
        if "No space left" in str(error):
            return
    os._exit(2)


def main(trials=20, seed=0):
    broken = 0
    for what, fault in (
        ("sweep, killed once and run again", killed_in_a_sweep),
        ("sweep, its disk full and run again", full_in_a_sweep),
    ):
        with tempfile.TemporaryDirectory() as path:
            kept = list(fault(pathlib.Path(path), trials, np.random.default_rng(seed)))
        broken += report(what, kept)
    return broken


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    sys.exit(main(options.trials, options.seed))
