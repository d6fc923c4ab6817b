"""What the process itself is asked for: Ctrl-C, threads, memory."""

import multiprocessing
import os
import signal
import threading

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from lora_np.system import process
from lora_np.system.platform import HAS_THREADS
from lora_np.system.process import ENDS_ALL, catch_interrupt, interrupts_end_all

needs_threads = pytest.mark.skipif(not HAS_THREADS, reason="no threads here")


def test_reuse_memory_says_whether_it_worked():
    assert process.reuse_memory() in (True, False)


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


@needs_threads
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # beside threads, since Python 3.12
def test_a_forked_process_maps_on_threads_of_its_own():
    """It has none of its parent's, and would wait for them forever."""
    [*process.map_on(2)(abs, range(2))]
    child = multiprocessing.get_context("fork").Process(
        target=lambda: os._exit(7 if [*process.map_on(2)(abs, [-1, -2])] == [1, 2] else 1)
    )
    child.start()
    child.join(60)
    child.kill()
    child.join()
    assert child.exitcode == 7
