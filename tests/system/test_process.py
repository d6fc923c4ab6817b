"""What the process itself is asked for: Ctrl-C, threads, memory."""

import os
import platform
import signal
import subprocess
import sys
import threading
from multiprocessing import get_context

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lora_np.system import process
from lora_np.system.platform import HAS_PROCESSES, HAS_THREADS, LINUX
from lora_np.system.process import ENDS_ALL, catch_interrupt, interrupts_end_all

needs_threads = pytest.mark.skipif(not HAS_THREADS, reason="no threads here")


GLIBC = LINUX and platform.libc_ver()[0] == "glibc"
FETCHED = """
import resource, threading
import numpy as np
from lora_np.system.process import reuse_memory

def arrays():
    for _ in range(3):
        np.ones(5_000_000)  # 40 MB: more than glibc keeps of itself, and an arena holds it

def on_a_thread():
    thread = threading.Thread(target=arrays)
    thread.start()
    thread.join()

def fetched(work):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    work()
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

reuse_memory()
arrays()
print(fetched(arrays), fetched(on_a_thread))
"""


def test_reuse_memory_says_whether_it_worked():
    assert process.reuse_memory() in (True, False)


@pytest.mark.skipif(not GLIBC, reason="another C library")
def test_what_is_freed_is_kept_for_the_next_array_of_any_thread():
    assert process.reuse_memory() is True
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    typed = [sys.executable, "-c", FETCHED]
    pages = subprocess.run(typed, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    assert all(int(count) < 50 for count in pages.stdout.split())  # else hundreds


@pytest.fixture
def ctrl_c():
    """Python's own answer to Ctrl-C; a process begun in the background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield signal.default_int_handler
    signal.signal(signal.SIGINT, before)


def test_the_first_ctrl_c_is_told_of_and_the_second_ends(ctrl_c):
    with catch_interrupt() as pressed:
        assert pressed() is False
        signal.raise_signal(signal.SIGINT)
        assert pressed() is True
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyError), catch_interrupt():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is ctrl_c


@needs_threads
def test_beside_the_main_thread_ctrl_c_is_left_alone():
    found = []

    def look():
        with catch_interrupt() as pressed:
            found.append((pressed(), signal.getsignal(signal.SIGINT)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [(False, signal.getsignal(signal.SIGINT))]


def test_who_trains_several_times_says_so_until_it_ends():
    assert ENDS_ALL.get() is False
    with pytest.raises(KeyError), interrupts_end_all():
        assert ENDS_ALL.get() is True
        with interrupts_end_all(False):
            assert ENDS_ALL.get() is False
        assert ENDS_ALL.get() is True
        raise KeyError
    assert ENDS_ALL.get() is False


def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


@needs_threads
def test_matrix_products_run_on_one_thread_where_that_is_asked_for():
    with threadpool_limits(2):
        two = blas_threads()
        with process.one_thread_each():
            assert blas_threads() <= {1}
        process.prepare("lora_np.of_another")
        assert blas_threads() == two
        process.prepare()
        assert blas_threads() <= {1}


@needs_threads
def test_map_keeps_the_order_and_runs_side_by_side():
    both = threading.Barrier(2, timeout=60)
    assert [*process.map_on(2)(lambda i: (both.wait(), i)[1], range(2))] == [0, 1]
    assert process.pool(2) is process.pool(2) and process.cores() >= 1


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads, since Python 3.12
@pytest.mark.skipif(not (HAS_PROCESSES and hasattr(os, "fork")), reason="no fork here")
def test_a_fork_has_threads_of_its_own():
    """Else what multiprocessing forks after a step on two threads waits for ever."""
    assert [*process.map_on(2)(abs, [-1, -2])] == [1, 2]
    child = get_context("fork").Process(target=lambda: [*process.map_on(2)(abs, [-1, -2])])
    child.start()
    child.join(60)
    child.kill()
    assert child.exitcode == 0


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="Linux says which cores are ours")
def test_cores_are_those_that_this_process_may_use():
    ours = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(ours)})
        assert process.cores() == 1
    finally:
        os.sched_setaffinity(0, ours)
    assert process.cores() == len(ours)
