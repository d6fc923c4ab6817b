"""A few of the faults of the two scripts, which put in many more when they are run."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tqdm import tqdm

from robustness.saves import SAVES

pytest.importorskip("resource")  # not on Windows
ROOT = Path(__file__).parent


def run_script(script, trials):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-W", "error", ROOT / script, "--trials", str(trials)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=3600,  # it hangs
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout.count(" 0 broken")


@pytest.mark.long
def test_no_promise_breaks_when_a_process_is_killed_the_disk_full_or_another_writes():
    assert run_script("faults.py", 3) == 5 * len(SAVES) + 2


@pytest.mark.long
def test_a_killed_sweep_ends_whole_and_goes_on():
    assert run_script("faults_sweep.py", 1) == 2


def test_a_child_killed_while_it_draws_a_bar_does_not_stop_the_others():
    from robustness import faults

    def work():
        tqdm.get_lock().acquire()
        os.kill(os.getpid(), signal.SIGKILL)

    tqdm(disable=True)  # the lock is there before the fork
    assert faults.child(work) == -signal.SIGKILL
    assert all(lock.acquire(False) for lock in tqdm.get_lock().locks), "a killed child keeps it"
    tqdm.get_lock().release()
