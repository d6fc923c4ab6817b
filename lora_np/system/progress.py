"""Long work shows within a second that it goes on: by a bar at a terminal, else by a line."""

import contextlib
import sys
import threading

from tqdm import tqdm

from .platform import HAS_THREADS, in_page

if not HAS_THREADS:
    tqdm.monitor_interval = 0  # its monitor is a thread

SECOND = 0.5  # about: how long nothing may be seen


@contextlib.contextmanager
def progress_bar(shown, total, initial, unit, leave=False, what=None):
    """tqdm's bar, of which plain ASCII is enough; `shown` None: at a terminal, and in a web page,
    where a step can take a second.

    Its clock goes on between updates. Without a `total` it is `what` and the clock.
    """
    page = in_page()
    hidden = not (page or sys.stderr.isatty() if shown is None else shown)
    file = sys.stdout if page else None  # a page colours standard error as a failure
    clock = "{desc}: {elapsed}" if total is None else None
    with tqdm(
        total=total, initial=initial, disable=hidden, unit=unit, ascii=True, leave=leave,
        desc=what, bar_format=clock, file=file,
    ) as bar:  # fmt: skip
        with every(SECOND, None if hidden else bar.refresh):
            yield bar


@contextlib.contextmanager
def waiting(what):
    """For a command: `what` and a clock at a terminal, and else `announced`."""
    with announced(what), progress_bar(None, None, 0, "", what=what):
        yield


@contextlib.contextmanager
def announced(what):
    """For a command: a line on standard error that says `what`, if it takes more than a second and
    there is no terminal, where bars would say it."""
    told = []

    def tell():
        if not told:
            told.append(print(f"{what} ...", file=sys.stderr, flush=True))

    with every(2 * SECOND, None if sys.stderr.isatty() else tell):
        yield


@contextlib.contextmanager
def every(seconds, call):
    """`call()` (None: nothing) so often, on a thread of its own, until the block ends."""
    if call is None or not HAS_THREADS:
        yield
        return
    ended = threading.Event()

    def go_on():
        while not ended.wait(seconds):
            call()

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
