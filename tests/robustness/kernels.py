"""Run the tests under every kernel of OpenBLAS that this processor has, and print a table.

    python tests/robustness/kernels.py [--kernels K,K] [--threads 1,2] [--lessons] [pytest's …]

A kernel is the code that multiplies matrices on one family of processors. Each adds in an order of
its own, and so do two threads; a training run makes much of that difference in the last bit. Each
run is a process of its own; what is no option here goes to pytest. Exit status 1: something failed.
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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
KERNELS = ("Nehalem", "Sandybridge", "Haswell", "Zen", "SkylakeX")
PLACES = ("docs/test_notebooks.py", "course/experiments", "course/test_new_token.py")
LESSONS = [str(TESTS / place) for place in PLACES]
NEWS = 30  # seconds between two lines of progress
# In the child. It multiplies, for only then does a kernel meet what the processor lacks, and die.
PROBE = """
import json, numpy, threadpoolctl
for n, kind in [(n, kind) for n in (2, 300) for kind in "fd"]:
    numpy.ones((n, n), kind) @ numpy.ones((n, n), kind) @ numpy.ones(n, kind)
pools = [p for p in threadpoolctl.threadpool_info() if p["internal_api"] == "openblas"]
print(json.dumps([pools[0]["architecture"], pools[0]["num_threads"]] if pools else None))
"""


@dataclass
class Run:
    """One process: how OpenBLAS is set there (`l2` in KB, "" for unset), and what came of it."""

    kernel: str
    threads: int
    l2: str = ""
    passed: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def __str__(self):
        return f"{self.kernel:14}{self.threads:>8}{self.l2 or '-':>6}"

    def environment(self):
        told = {"OPENBLAS_NUM_THREADS": str(self.threads), "OPENBLAS_L2_SIZE": self.l2}
        told["OPENBLAS_CORETYPE"] = "" if self.kernel == "default" else self.kernel
        kept = {name: value for name, value in os.environ.items() if name not in told}
        return kept | {name: value for name, value in told.items() if value}


class Recorder:
    """A plugin for pytest that writes a line a report: they outlive a process that is killed."""

    def __init__(self, path):
        self.path = path

    def pytest_runtest_logstart(self, nodeid):
        self.note(nodeid, "unfinished")

    def pytest_runtest_logreport(self, report):
        if report.when == "teardown" or report.outcome != "passed":
            self.note(report.nodeid, report.outcome)

    def pytest_collectreport(self, report):
        if report.failed:
            self.note(report.nodeid, "failed")

    def note(self, test, outcome):
        with open(self.path, "a", encoding="utf-8") as file:
            print(json.dumps([test, outcome]), file=file)


def outcomes(path):
    """{test: "passed", "skipped", "failed", or "unfinished" where its process ended}"""
    found = {}
    for test, outcome in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
        if outcome != "passed" or found[test] == "unfinished":
            found[test] = outcome
    return found


def ending(status):
    return f"exit status {status}" if status >= 0 else signal.Signals(-status).name


def probe(run):
    """([kernel in use, threads] or None if no OpenBLAS tells, how the process ended)"""
    command = [sys.executable, "-c", PROBE]
    done = subprocess.run(command, env=run.environment(), capture_output=True, text=True)
    return None if done.returncode else json.loads(done.stdout), ending(done.returncode)


def runs_here(kernels, threads, l2=""):
    """The Runs that this machine can do; what it cannot is printed.

    The size of the cache may set where a kernel cuts a sum, the same on any number of threads, so
    `l2` KB is tried once a kernel. (The first three of KERNELS in OpenBLAS 0.3.31 take no notice.)
    """
    usual, _ = probe(Run("default", 1))
    if usual is None:
        print("not here: a choice of kernels, for NumPy's products are not OpenBLAS's")
        return [Run("default", 1)] if "default" in kernels else []
    if kernels == ["others"]:
        kernels = [kernel for kernel in KERNELS if kernel != usual[0]]
    runs = []
    for kernel in dict.fromkeys(usual[0] if kernel == "default" else kernel for kernel in kernels):
        for run in [Run(kernel, n) for n in threads] + [Run(kernel, threads[0], l2)] * bool(l2):
            found, ended = probe(run)
            if found == [kernel, run.threads]:
                runs.append(run)
            else:
                print(f"not here: {run} ({f'runs as {found}' if found else ended})", flush=True)
    return runs


def test(run, arguments):
    """Run pytest in a process of its own, and fill in the Run."""
    print(f"begins:   {run}", flush=True)
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        report, said = pathlib.Path(folder, "report"), pathlib.Path(folder, "said")
        report.touch()
        command = [sys.executable, __file__, "--inside", report, "-q", "--tb=short", *arguments]
        with open(said, "wb") as to:
            child = subprocess.Popen(command, env=run.environment(), stdout=to, stderr=to)
            while child.poll() is None:  # however long it takes: no machine is too slow
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(NEWS)
                    break
                print(f"          {run}, {len(outcomes(report)):,} tests begun", flush=True)
        found = outcomes(report)
        run.failed = [test for test, how in found.items() if how in ("failed", "unfinished")]
        if child.returncode != bool(run.failed):
            run.failed.append(f"pytest ended: {ending(child.returncode)}")
        if run.failed:
            print(said.read_text(encoding="utf-8", errors="replace"))
    run.passed, run.seconds = list(found.values()).count("passed"), time.perf_counter() - start
    print(f"ends:     {run}, {len(run.failed)} failed", flush=True)


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument(
        "--kernels",
        default=f"default,{','.join(KERNELS)}",
        help="%(default)s; or others: all of those but the default",
    )
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--l2", default="512", metavar="KB", help="tried once a kernel; '': never")
    parser.add_argument("--jobs", type=int, default=1, help="processes side by side")
    parser.add_argument("--lessons", action="store_true", help="the lessons and experiments alone")
    parser.add_argument("--inside", help=argparse.SUPPRESS)  # in the child: where to report
    options, rest = parser.parse_known_args(arguments)
    if options.inside:
        return pytest.main(rest, [Recorder(options.inside)])
    rest = LESSONS * options.lessons + rest
    threads = [int(n) for n in options.threads.split(",")]
    runs = runs_here(options.kernels.split(","), threads, options.l2)
    pool = ThreadPoolExecutor(options.jobs)
    try:
        list(pool.map(lambda run: test(run, rest), runs))
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not begin the rest
    print(f"\n{'kernel in use':14}{'threads':>8}{'L2':>6}{'passed':>8}{'seconds':>9}  failed")
    for run in runs:
        print(f"{run}{run.passed:>8,}{run.seconds:>9.0f}  {', '.join(run.failed) or '-'}")
    return int(any(run.failed for run in runs))


if __name__ == "__main__":
    sys.exit(main())
