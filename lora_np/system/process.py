"""This process: its cores and threads, Ctrl-C, and the memory that it keeps."""

import contextlib
import contextvars
import ctypes
import functools
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

from threadpoolctl import ThreadpoolController, threadpool_limits

from .platform import HAS_THREADS, LINUX


def prepare(base=None):
    """Keep freed memory, and for the package's base (None) do matrix products on one thread.

    At its size a second thread gains little, and beside other programs the threads wait for one
    another: a step can take eight times as long.
    """
    reuse_memory()
    if base is None and HAS_THREADS:
        threadpool_limits(1)


def cores():
    """How many threads can run at once; 1 where there are none."""
    if not HAS_THREADS:
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@functools.cache
def pool(threads):
    return ThreadPoolExecutor(threads)


if hasattr(os, "register_at_fork"):  # a fork has its parent's pools, and none of their threads
    os.register_at_fork(after_in_child=pool.cache_clear)


@functools.cache
def blas():
    return ThreadpoolController()  # making one costs 40 times using one


def map_on(threads):
    """`map` on so many threads; one after another where there are none."""
    return pool(threads).map if HAS_THREADS else map


def one_thread_each():
    """A context in which each matrix product runs on one thread."""
    return blas().limit(limits=1, user_api="blas") if HAS_THREADS else contextlib.nullcontext()


@functools.cache
def kernel():
    """The code that multiplies matrices here, by OpenBLAS's name; None where none is known.

    Two kernels add up in different orders, so a run's last bits are those of one.
    """
    pools = [each for each in blas().info() if each["user_api"] == "blas"] if HAS_THREADS else []
    return pools[0].get("architecture") if pools else None


ENDS_ALL = contextvars.ContextVar(
    "whether Ctrl-C ends more than the run it falls in", default=False
)


@contextlib.contextmanager
def interrupts_end_all(really=True):
    """Here a run that Ctrl-C ended is no result: `train` raises KeyboardInterrupt after its step.

    Else whoever trains several times would go on with a model that is half trained.
    """
    token = ENDS_ALL.set(really)
    try:
        yield
    finally:
        ENDS_ALL.reset(token)


@contextlib.contextmanager
def catch_interrupt():
    """Yield a function that says whether Ctrl-C was pressed; a second press ends at once.

    So no step is cut in half. Signals reach Python's main thread only: elsewhere this does nothing.
    """
    pressed = []

    def remember(number, frame):
        pressed.append(number)
        signal.signal(signal.SIGINT, previous)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, previous)


def reuse_memory():
    """Ask the C library to keep the memory of freed arrays; True where it understands.

    By default glibc returns a step's arrays to the system and fetches fresh, zeroed pages for the
    next, which can take half of its time; and it keeps them apart for each thread. This changes the
    whole process: call it before any thread starts, never on import.
    """
    if not LINUX:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim, mmap, arenas = -1, -3, -8  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX in malloc.h
    return bool(mallopt(mmap, 1 << 30) and mallopt(trim, 2**31 - 1) and mallopt(arenas, 1))
