"""One answer, judged in a process of its own: what happens in the child.

Limits on time, memory, file size and network guard against accidents. They are no sandbox: what
the account may read or write, the code may too.
"""

import builtins
import contextlib
import ctypes
import json
import linecache
import os
import re
import sys
import threading
import time
from dataclasses import asdict

import numpy as np
from threadpoolctl import threadpool_limits

from .exercise import Capped, Result, find, judge

try:
    import resource
except ImportError:  # Windows: `watch` is the only limit
    resource = None

LARGEST_FILE = 50_000_000  # bytes
TIME_OUT = 124  # exit status, as that of GNU timeout
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def work(connection, number, cells, folder, seconds, memory):
    """Run the cells in `folder`, judge the answer, and send the Result as JSON.

    `seconds` is processor time, `memory` is bytes.
    """
    alone = quarantine(folder, seconds, memory)
    result = asdict(answer_of(number, cells))
    connection.send_bytes(json.dumps({"result": result, "offline": alone}).encode())
    connection.close()


def quarantine(folder, seconds, memory):
    """Set this process's limits; returns whether it is cut off from the network."""
    if hasattr(os, "setsid"):
        os.setsid()  # its children can be ended with it
    os.chdir(folder)
    for variable in ("HOME", "TMPDIR", "TEMP", "TMP"):
        os.environ[variable] = folder
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # input() ends at once, and megabytes printed go nowhere
        os.dup2(nowhere, descriptor)
    threadpool_limits(1)
    alone = without_network()
    if resource:
        for name, soft, hard in (
            ("RLIMIT_CPU", seconds, seconds + 1),
            ("RLIMIT_AS", memory, memory),
            ("RLIMIT_FSIZE", LARGEST_FILE, LARGEST_FILE),
            ("RLIMIT_CORE", 0, 0),
        ):
            with contextlib.suppress(ValueError, OSError):  # a lower one is in force already
                resource.setrlimit(getattr(resource, name), (soft, hard))
    # Last, for a process with threads may not leave the network.
    threading.Thread(target=watch, args=(seconds,), daemon=True).start()
    return alone


def watch(seconds):
    """End this process after `seconds` of processor time, or four times as many of doing nothing.

    Nothing is 1 % of a processor or less, measured here, in the process: when the machine is too
    busy to run the answer, it does not run this either, and no time is counted.
    """
    idle, used = 0, time.process_time()
    end = used + seconds
    while idle < 4 * seconds and used < end:
        time.sleep(1)
        before, used = used, time.process_time()
        idle = idle + 1 if used - before < 0.01 else 0
    os._exit(TIME_OUT)


def without_network():
    """Leave the machine's network, where Linux lets us: True if that worked."""
    if not sys.platform.startswith("linux"):
        return False
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    flags = (CLONE_NEWUSER | CLONE_NEWNET, CLONE_NEWNET)
    return unshare is not None and any(unshare(flag) == 0 for flag in flags)


def answer_of(number, cells):
    """The Result for the answer that the cells define.

    As in a notebook, a cell that fails does not stop the next; if the answer is missing in the end,
    the first failure is told.
    """
    exercise, problem, said = find(number), "", Capped()
    names = {"__name__": "__main__", "np": np, "display": builtins.print}
    for place, cell in enumerate(cells, start=1):
        name, source = f"<exercise {number}, cell {place}>", without_magic(cell)
        linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                exec(compile(source, name, "exec"), names)
        except (Exception, SystemExit) as error:
            problem = problem or f"a cell does not run: {type(error).__name__}: {str(error)[:300]}"
    head = f"Exercise {number} ({exercise.title})"
    if exercise.answer in names:
        result = judge(exercise, names[exercise.answer])
        if result.status == "not attempted" and problem:
            result.feedback += f"\n  {problem}"
        return result
    problem = problem or f"the name {exercise.answer} is not defined"
    return lacking(exercise, "no answer", f"{head}: no answer to check\n  {problem}")


def lacking(exercise, status, feedback):
    return Result(exercise.number, exercise.title, status, 0, exercise.points, "", feedback)


def without_magic(cell):
    """The cell without lines that only a notebook's front end understands (%matplotlib, !ls)."""
    return re.sub(r"^(\s*)[%!?].*$", r"\1pass", cell, flags=re.M)
