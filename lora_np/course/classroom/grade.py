"""Grade submissions: each answer in a process of its own, under limits, its laws in another."""

import collections
import contextlib
import multiprocessing
import os
import re
import shutil
import signal
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path

from tqdm import tqdm

from ...system.json_text import parse_json
from ...system.platform import HAS_PROCESSES
from .exercise import Result, of_lesson
from .masters import answers, read
from .worker import TIME_OUT, judge_it, lacking, work

LONGEST_TEXT = 5000  # characters kept of an explanation
MEANT = re.compile(r"\.(py|zip|html|pdf|ipynb\..*)$")  # handed in in a notebook's place
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


@dataclass
class Submission:
    """One notebook: its results, the explanations for the teacher to read, or what is wrong."""

    name: str
    path: Path
    results: list[Result] = field(default_factory=list)
    explanations: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    offline: bool = True

    points = property(lambda self: sum(result.points for result in self.results))
    possible = property(lambda self: sum(result.possible for result in self.results))


def submissions(path):
    """The notebooks at `path`, one or a folder of them, as Submissions named by their place.

    What was handed in that is no notebook, and folders without one, are Submissions with a problem.
    Raises: ValueError if there is no notebook at all.
    """
    path = Path(path)
    if path.is_file():
        return [Submission(path.stem, path)]
    seen = [each for each in sorted(path.rglob("*")) if not hidden(each.relative_to(path))]
    notebooks = [each for each in seen if each.suffix == ".ipynb"]
    if not notebooks:
        raise ValueError(f"{path}: expected a notebook, or a folder with notebooks (.ipynb)")
    found = [
        Submission(
            str(each.relative_to(path).with_suffix("")),
            each,
            problem="a link, not a notebook" if each.is_symlink() else "",  # to whose answers?
        )
        for each in notebooks
    ]
    own = {each.parent for each in notebooks}
    holding = {folder for each in notebooks for folder in each.parents}
    for each in seen:
        if each.parent != path and (each.parent not in holding or each.parent in own):
            continue  # beside a student's notebook, or in a folder that is told already
        name = str(each.relative_to(path))
        if each.is_dir() and each not in holding:
            there = [file.name for file in sorted(each.rglob("*")) if file.is_file()]
            what = f"there is {', '.join(there[:3])}" if there else "it is empty"
            found.append(Submission(name, each, problem=f"no notebook in this folder: {what}"))
        elif each not in notebooks and not each.is_dir() and MEANT.search(each.name):
            found.append(Submission(name, each, problem="no notebook: expected .ipynb"))
    return sorted(found, key=lambda submission: submission.name)


def hidden(place):
    """Whether a system or an editor made it: .ipynb_checkpoints, __MACOSX, ._amy.ipynb."""
    return any(part.startswith(".") or part == "__MACOSX" for part in place.parts)


def grade(paths, limits=None, jobs=None):
    """Grade every notebook at the paths; `jobs` answers run at a time (default: one a core).

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
            (submission, pool.submit(judge_apart, exercise, cells, submission.path, limits))
            for submission in found
            for exercise, cells in wanted(submission)
        ]
        for submission, task in tqdm(tasks, unit="answer", leave=False, disable=None):
            result, offline = task.result()
            submission.results.append(result)
            submission.offline &= offline
    finally:
        pool.shutdown(cancel_futures=True)  # after Ctrl-C, do not grade the rest
    return found


def wanted(submission):
    """(exercise, the cells to run or None) for all exercises of the notebook's lessons."""
    if submission.problem:
        return []
    try:
        parts = answers(read(submission.path))
    except (ValueError, OSError) as error:
        submission.problem = str(error)
        return []
    lessons = sorted({int(number.split(".")[0]) for number in parts} & set(range(1, 100)))
    exercises = [exercise for lesson in lessons for exercise in known(lesson)]
    if not exercises:
        submission.problem = "no exercise found: is it one of notebooks/exercises?"
    submission.explanations = {
        number: text[:LONGEST_TEXT] for number, (_, text) in parts.items() if explained(text)
    }
    return [(exercise, parts.get(exercise.number, (None,))[0]) for exercise in exercises]


def known(lesson):
    try:
        return of_lesson(lesson)
    except ValueError:  # a number that the student made up
        return []


def explained(text):
    return text.strip() not in ("", "*Write your explanation here.*", "YOUR ANSWER HERE")


def judge_apart(exercise, cells, path, limits):
    """(the Result of one answer, whether it ran without a network)"""
    head = f"Exercise {exercise.number} ({exercise.title})"
    if cells is None:
        return lacking(exercise, "no answer", f"{head}: its cell is missing"), True
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        bring_along(path, folder)
        message, exit_code = run(exercise.number, cells, folder, limits)
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
    """How processes start: forked from one that has everything imported, where there is fork.

    Everything is what an answer and its laws need, and what the command `lora-np` imports.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forkserver = multiprocessing.get_context("forkserver")
    ours = [f"{__package__}.worker", f"{__package__}.laws_01", "lora_np.__main__"]
    forkserver.set_forkserver_preload(["hypothesis.strategies", *ours])
    return forkserver


def run(number, cells, folder, limits):
    """(the judge's message or None, the answer's exit code or None if it hangs)"""
    start = context()
    receiver, sender = start.Pipe(duplex=False)
    judges, answers = start.Pipe()
    arguments = (answers, number, cells, folder, limits.seconds, limits.memory)
    answer = start.Process(target=work, args=arguments, daemon=True)
    judge = start.Process(target=judge_it, args=(sender, judges, number), daemon=True)
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
