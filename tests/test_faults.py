"""A few of the faults of faults.py; `python tests/faults.py` puts in many more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("resource")  # not on Windows
ROOT = Path(__file__).parent


def test_no_promise_breaks_when_a_process_is_killed_the_disk_full_or_another_writes():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "faults.py", "--trials", "3"],
        env=environment, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.count(" 0 broken") == 14
