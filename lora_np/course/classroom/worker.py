"""One answer in a process of its own, and its judge in another: what happens in the two.

Limits on time, memory, file size and network guard against accidents. They are no sandbox: what
the account may read or write, the code may too.
"""

import builtins
import contextlib
import ctypes
import importlib
import linecache
import os
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
from hypothesis import configuration
from threadpoolctl import threadpool_limits

from ...system.platform import LINUX, resource
from . import apart
from .cells import no_shell, plain_python
from .exercise import Capped, Result, find, judge
from .hidden_laws import with_hidden

LARGEST_FILE = 50_000_000  # bytes
TIME_OUT = 124  # exit status, as that of GNU timeout
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000  # linux/sched.h


def work(connection, which, cells, folder, seconds, memory):
    """Run the cells in `folder`, then serve the judge, which has the other end of `connection`.

    `which` are the exercise's number and the student's; `seconds` is processor time, `memory` is
    bytes. An answer that is not judged apart is judged here, with the laws imported afresh after
    its cells have run.
    """
    alone = quarantine(folder, seconds, memory)
    apart.send(connection, {"offline": alone})  # before the answer's code is here
    exercise, functions = find(*which), []
    names, problem = executed(which[0], cells)
    if exercise.apart:
        answer = {name: names[name] for name in names if name == exercise.answer}
        given = {"problem": problem, "names": apart.encode(answer, functions)}
        apart.JUDGING.set()
        apart.send(connection, given)
        apart.serve(connection, functions)
    else:
        worker = afresh()
        result = worker.verdict(worker.find(*which), problem, names)
        apart.send(connection, {"result": asdict(result)})
    connection.close()


def afresh():
    """This module again, with laws and comparisons as they are on the disk."""
    for name in [name for name in sys.modules if name.startswith(f"{__package__}.")]:
        del sys.modules[name]
    return importlib.import_module(__name__)


def judge_it(connection, answers, which, hidden):
    """In a process of its own: judge what `answers` leads to, and send the Result as JSON.

    With it goes whether the answer was cut off from the network. `hidden` is the text of the
    teacher's own laws, which the answer's process never gets.
    """
    silence()
    configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "lora_np_hypothesis")
    exercise = with_hidden(find(*which), hidden)
    with contextlib.suppress(apart.Gone):  # then the answer's exit status is all there is
        alone = apart.receive(answers)["offline"]
        given = apart.receive(answers)
        if exercise.apart:
            names = apart.decode(given["names"], answers)
            result = asdict(verdict(exercise, str(given["problem"]), names))
        else:
            result = given["result"]
        apart.send(connection, {"result": result, "offline": alone})
    connection.close()
    answers.close()


def quarantine(folder, seconds, memory):
    """Set this process's limits; returns whether it is cut off from the network."""
    if hasattr(os, "setsid"):
        os.setsid()  # its children can be ended with it
    os.chdir(folder)
    for variable in ("HOME", "TMPDIR", "TEMP", "TMP"):
        os.environ[variable] = folder
    silence()
    alone = without_network()
    if resource:  # else, on Windows, `watch` is the only limit
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
    busy to run the answer, it does not run this either, and no time is counted; nor is any while
    it is the judge's turn.
    """
    idle, used = 0, time.process_time()
    end = used + seconds
    while idle < 4 * seconds and used < end:
        time.sleep(1)
        before, used = used, time.process_time()
        idle = idle + 1 if used - before < 0.01 and not apart.JUDGING.is_set() else 0
    os._exit(TIME_OUT)


def silence():
    """input() ends at once, megabytes printed go nowhere, and one core is enough."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    threadpool_limits(1)


def without_network():
    """Leave the machine's network, where Linux lets us: True if that worked."""
    if not LINUX:
        return False
    unshare = getattr(ctypes.CDLL(None), "unshare", None)
    flags = (CLONE_NEWUSER | CLONE_NEWNET, CLONE_NEWNET)
    return unshare is not None and any(unshare(flag) == 0 for flag in flags)


def executed(number, cells):
    """(the names that the cells define, the first failure in words)

    As in a notebook, a cell that fails does not stop the next; if the answer is missing in the end,
    the first failure is told.
    """
    problem, said = "", Capped()
    names = {"__name__": "__main__", "np": np, "display": builtins.print, "get_ipython": no_shell}
    for place, cell in enumerate(cells, start=1):
        name = f"<exercise {number}, cell {place}>"
        try:
            source = plain_python(cell)
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                exec(compile(source, name, "exec"), names)
        except (Exception, SystemExit) as error:
            problem = problem or f"a cell does not run: {type(error).__name__}: {str(error)[:300]}"
    return names, problem


def verdict(exercise, problem, names):
    """The Result for the answer that the cells define, or that they lack."""
    if exercise.answer in names:
        result = judge(exercise, names[exercise.answer])
        if result.status == "not attempted" and problem:
            result.feedback += f"\n  {problem}"
        return result
    head = f"Exercise {exercise.number} ({exercise.title})"
    problem = problem or f"the name {exercise.answer} is not defined"
    return lacking(exercise, "no answer", f"{head}: no answer to check\n  {problem}")


def lacking(exercise, status, feedback):
    return Result(exercise.number, exercise.title, status, 0, exercise.points, "", feedback)
