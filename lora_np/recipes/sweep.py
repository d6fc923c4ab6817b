"""Sweeps: one function for many cells (rank, learning rate, method, seed), on any number of cores.

A cell is a dict that JSON can hold, and all that a run depends on. Each result becomes a file as
soon as it is there, so whatever stops, what is done stays done, and the same call goes on from it.
"""

import contextlib
import hashlib
import json
import os
import signal
import threading
import warnings
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor, as_completed
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path

from threadpoolctl import threadpool_limits

from ..system.checks import check_whole
from ..system.files import to_json, write_json
from ..system.json_text import parse_json
from ..system.platform import HAS_PROCESSES
from ..system.process import cores
from ..system.progress import progress_bar

TRIES = 3  # pools in a row that broke before a single cell was done


class Unfinished(RuntimeError):
    """Some cells have no result: what was kept, what is missing and why."""


def sweep(cells, run, directory, executor=None, *, processes=None, progress=None):
    """The results of `run(cell)`, in the cells' order; each is kept as a file in `directory`.

    `executor` is any `concurrent.futures.Executor`, a Dask cluster's
    `client.get_executor(pure=False)` for one; by default it is `processes`, or one a core, each
    with one thread for its matrix products. They are started anew, so `run` must be a module's
    function, and a script calls this under `if __name__ == "__main__":`. If one is killed, its
    cell is run again. `progress` shows a bar; by default, if standard error is a terminal.
    Raises: ValueError, before any work, for cells that are no JSON or there twice, and for a file
    that is damaged or of another cell. Unfinished, after all other cells are done and kept, for a
    cell whose run failed, or an executor that broke.
    """
    if processes is not None:
        check_whole("sweep: expected processes None or", processes)
    directory = Path(directory)
    todo = {path_of(cell, directory): cell for cell in cells}
    if len(todo) < len(cells):
        raise ValueError(f"sweep: {len(cells) - len(todo)} of {len(cells)} cells are there twice")
    paths = list(todo)
    results = {path: read(path, cell) for path, cell in todo.items() if path.exists()}
    todo = {path: cell for path, cell in todo.items() if path not in results}
    directory.mkdir(parents=True, exist_ok=True)
    failed, broken = {}, 0
    with progress_bar(progress, len(paths), len(results), "cell", leave=True) as bar:
        while todo and broken < TRIES:
            before = len(todo)
            for path, result in run_all(todo, run, executor, processes):
                cell = todo.pop(path)
                try:
                    if isinstance(result, Exception):
                        raise result
                    results[path] = write(path, cell, result)
                except Exception as error:  # of the run, or of the result's way to the disk
                    failed[path] = (cell, error)
                bar.update()
            if executor is not None:
                break
            if todo:
                warnings.warn("sweep: a process was killed; its cell is run again", stacklevel=2)
            broken = broken + 1 if len(todo) == before else 0
    if failed or todo:
        kept = f"{len(results)} of {len(paths)} cells are kept in {directory}"
        lines = [f"sweep: {kept}; the same call goes on from there."]
        if todo:
            lines.append(f"The executor broke, perhaps for want of memory, with {len(todo)} to do.")
        lines += [f"{cell}: {type(error).__name__}: {error}" for cell, error in failed.values()]
        cause = next((error for _, error in failed.values()), None)
        raise Unfinished("\n".join(lines)) from cause
    return [results[path] for path in paths]


def run_all(todo, run, executor=None, processes=None):
    """Yield (path, result) as cells end; an error that a run raised is its result.

    Cells that a broken executor did not finish are passed over. Where there are no processes, they
    run here, in turn.
    """
    if executor is None and not HAS_PROCESSES:
        yield from ((path, result_or_error(run, cell)) for path, cell in [*todo.items()])
        return
    futures = {}
    with contextlib.ExitStack() as stack:
        if executor is None:
            before = set(active_children())
            count = min(processes or cores(), len(todo))
            pool = ProcessPoolExecutor(count, get_context("spawn"), begin_process)
            executor = stack.enter_context(pool)
            stack.push(lambda kind, *_: end_processes(before) if kind else None)
        # Ctrl-C, too: what has not begun will not begin
        stack.callback(lambda: [future.cancel() for future in futures])
        with contextlib.suppress(BrokenExecutor):  # those submitted so far may have ended well
            for path, cell in todo.items():
                futures[executor.submit(run, cell)] = path
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except (BrokenExecutor, CancelledError):
                continue
            except Exception as error:
                yield futures[future], error


def result_or_error(run, cell):
    try:
        return run(cell)
    except Exception as error:
        return error


def end_processes(before):
    """End those that began since: half a cell is no result, and whole ones are kept."""
    for process in set(active_children()) - before:
        process.terminate()


def begin_process():
    """In a new process: one thread for its products, and an end with the sweep's own process.

    Else they would wait for each other, and after a sweep that was killed for cells, for ever.
    Ctrl-C reaches every process of a terminal; the sweep's own ends the others.
    """

    def end_with_parent():
        parent_process().join()
        os._exit(1)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threadpool_limits(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def path_of(cell, directory):
    """A cell's file: its name is a hash of the cell."""
    try:
        key = json.dumps(cell, sort_keys=True, allow_nan=False)
        parse_json(key)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"sweep: expected cells that JSON can hold, got {cell!r}") from error
    return directory / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def write(path, cell, result):
    """Keep a cell's result, whole or not at all; returns it as it will be read."""
    kept = {"cell": cell, "result": result}
    as_read = parse_json(to_json(kept))["result"]  # first: what cannot be read is no result
    write_json(path, kept)
    return as_read


def read(path, cell):
    if not path.is_file():  # to read a pipe would be to wait, perhaps for ever
        raise ValueError(f"{path}: expected a sweep's result, found no file; move it away")
    try:
        kept = parse_json(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(
            f"{path}: not readable as a sweep's result ({error}); delete it to run its cell again"
        ) from None
    if not isinstance(kept, dict) or kept.keys() != {"cell", "result"}:
        raise ValueError(f"{path}: expected a sweep's cell and result, found something else")
    if kept["cell"] != parse_json(json.dumps(cell)):
        raise ValueError(f"{path}: expected the result of {cell}, found that of {kept['cell']}")
    return kept["result"]
