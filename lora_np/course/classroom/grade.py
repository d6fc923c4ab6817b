"""Grade submissions: each answer in a process of its own, under limits, its laws in another."""

import collections
import contextlib
import multiprocessing
import os
import shutil
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from ...system.json_text import parse_json
from ...system.platform import HAS_PROCESSES
from .exercise import OWN, Result, of_lesson
from .handed_in import hidden, submissions
from .masters import answers, read
from .variants import whose
from .worker import TIME_OUT, judge_it, lacking, work

LONGEST_TEXT = 5000  # characters kept of an explanation
LARGEST_FOLDER = 20_000_000  # bytes of a student's own folder that come along
HANG = 3600  # seconds on the clock; the worker's own limits, in processor time, come long before


@dataclass
class Limits:
    """For one answer: processor seconds, and bytes of memory where the platform counts them.

    A process that does nothing is ended after four times as many seconds. One that works is not
    held to the clock, so a busy machine fails nobody.
    """

    seconds: int = 10
    memory: int = 2_000_000_000


def grade(paths, limits=None, jobs=None, students=None, hidden_laws=""):
    """Grade every notebook at the paths; `jobs` answers run at a time (default: one a core).

    `students` is {name: number}, for sheets that were drawn: see variants.py. `hidden_laws` is the
    text of a file that only the teacher has: see hidden_laws.py.
    Raises: ValueError for a path without notebooks. What is wrong with a notebook, or with an
    answer, is a result.
    """
    if not HAS_PROCESSES:
        raise ValueError("grade: each answer runs in a process of its own, and there are none here")
    limits = limits or Limits()
    found = [submission for path in paths for submission in submissions(path)]
    names = collections.Counter(submission.name for submission in found)
    for name in (name for name, count in names.items() if count > 1):
        raise ValueError(f"{names[name]} submissions are called {name}: give the folder above them")
    pool = ThreadPoolExecutor(jobs or os.cpu_count())
    try:
        tasks = [
            (submission, pool.submit(judge_apart, submission, each, limits, hidden_laws))
            for submission in found
            for each in wanted(submission, students)
        ]
        for submission, task in tqdm(tasks, unit="answer", leave=False, disable=None):
            result, offline = task.result()
            submission.results.append(result)
            submission.offline &= offline
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not grade the rest
    return found


def wanted(submission, students=None):
    """(exercise, the cells to run or None) for all exercises of the notebook's lessons."""
    if submission.problem:
        return []
    try:
        notebook = read(submission.path)
        parts = answers(notebook)
        lessons = sorted({int(number.split(".")[0]) for number in parts} & set(range(1, 100)))
        if OWN in lessons:
            submission.student, submission.note = whose(submission.name, notebook, students)
    except (ValueError, OSError) as error:
        submission.problem = str(error)
        return []
    exercises = [each for lesson in lessons for each in known(lesson, submission.student)]
    if not exercises:
        submission.problem = "no exercise found: is it one of notebooks/exercises?"
    submission.explanations = {
        number: text[:LONGEST_TEXT] for number, (_, text) in parts.items() if explained(text)
    }
    submission.answers = {number: cells for number, (cells, _) in parts.items()}
    return [(exercise, parts.get(exercise.number, (None,))[0]) for exercise in exercises]


def known(lesson, student):
    try:
        return of_lesson(lesson, student)
    except ValueError:  # a number that the student made up
        return []


def explained(text):
    return text.strip() not in ("", "*Write your explanation here.*", "YOUR ANSWER HERE")


def judge_apart(submission, asked, limits, hidden_laws):
    """(the Result of one answer, whether it ran without a network)"""
    exercise, cells = asked
    head = f"Exercise {exercise.number} ({exercise.title})"
    if cells is None:
        return lacking(exercise, "no answer", f"{head}: its cell is missing"), True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bring_along(submission.path, folder)
        which = exercise.number, submission.student
        message, exit_code = run(which, cells, folder, limits, hidden_laws)
    if message is not None:
        return Result(**message["result"]), message["offline"]
    if exit_code in (None, TIME_OUT, -getattr(signal, "SIGXCPU", 0)):
        text = f"{head}: stopped after {limits.seconds} s: is there a loop that never ends?"
        return lacking(exercise, "time out", text), True
    text = f"{head}: your code ended the whole process (exit status {exit_code})"
    return lacking(exercise, "crashed", text), True


def bring_along(path, folder):
    """Copy the notebook; and from a folder of the student's own, the files beside it."""
    files = [
        file
        for file in path.parent.iterdir()
        if file.is_file() and not file.is_symlink() and not hidden(Path(file.name))
    ]
    alone = sum(file.suffix == ".ipynb" for file in files) == 1
    if not alone or sum(file.stat().st_size for file in files) > LARGEST_FOLDER:
        files = [path]
    for file in files:
        shutil.copyfile(file, Path(folder) / file.name)


def context():
    """How processes start: forked from one that has everything imported, where there is fork."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forkserver = multiprocessing.get_context("forkserver")
    forkserver.set_forkserver_preload([f"{__package__}.preloaded"])
    return forkserver


def run(which, cells, folder, limits, hidden_laws):
    """(the judge's message or None, the answer's exit code or None if it hangs)

    `which` are the exercise's number and the student's. The judge alone is told of hidden laws.
    """
    start = context()
    receiver, sender = start.Pipe(duplex=False)
    judges, answers = start.Pipe()
    arguments = (answers, which, cells, folder, limits.seconds, limits.memory)
    answer = start.Process(target=work, args=arguments, daemon=True)
    told = (sender, judges, which, hidden_laws)
    judge = start.Process(target=judge_it, args=told, daemon=True)
    message = None
    try:
        for process, ours in ((answer, (answers,)), (judge, (sender, judges))):
            process.start()
            for connection in ours:
                connection.close()
        if answer.sentinel in wait([receiver, answer.sentinel], HANG):
            end(answer)  # what it started may hold its connection, and the judge would wait
        if receiver.poll(HANG):
            with contextlib.suppress(EOFError, OSError, ValueError):
                message = parse_json(receiver.recv_bytes(1_000_000))  # never unpickled
        if message is None:
            answer.join(HANG)
        return message, answer.exitcode
    finally:
        receiver.close()
        end(answer)
        judge.kill()
        judge.join()


def end(process):
    """End the process and whatever it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)  # its own group, since `work` made one
    process.kill()
    process.join()
