"""A few of the faults of the two scripts, which put in many more when they are run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")  # not on Windows
ROOT = Path(__file__).parent


def faults(script, trials):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", ROOT / script, "--trials", str(trials)],
        env=environment, capture_output=True, text=True, timeout=3600,  # it hangs
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.count(" 0 broken")


def test_no_promise_breaks_when_a_process_is_killed_the_disk_full_or_another_writes():
    assert faults("faults.py", 3) == 14


def test_a_killed_sweep_ends_whole_and_goes_on():
    assert faults("faults_sweep.py", 1) == 1
