"""Sweeps: one function for many cells (rank, learning rate, method, seed), on any number of cores.

A cell is a dict that JSON can hold, and all that a run depends on. Each result becomes a file as
soon as it is there, so whatever stops, what is done stays done, and the same call goes on from it.

A sweep grows with its machines; one training job does not. A job that outgrows NumPy leaves
through PEFT's files: `save_adapter` here, PEFT on a GPU there, `load_adapter` back.
"""

import hashlib
import json
import os
import sys
import threading
import warnings
from concurrent.futures import BrokenExecutor, CancelledError, ProcessPoolExecutor, as_completed
from multiprocessing import get_context, parent_process
from pathlib import Path

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from .files import whole_file
from .parallel import cores

TRIES = 3  # pools in a row that broke before a single cell was done


class Unfinished(RuntimeError):
    """Some cells have no result: what was kept, what is missing and why."""


def sweep(cells, run, directory, executor=None, *, processes=None, progress=None):
    """The results of `run(cell)`, in the cells' order; each is kept as a file in `directory`.

    A cell whose file is there is not run again. `executor` is any `concurrent.futures.Executor`,
    a Dask cluster's `client.get_executor(pure=False)` for one; by default it is as many processes
    as there are cores, or `processes`, each with one thread for its matrix products. Processes
    are started anew, so `run` must be a module's function, and a script that calls this
    must do so under `if __name__ == "__main__":`. If one is killed, its cell is run again.
    `progress` shows a bar; by default, if standard error is a terminal.
    Raises: ValueError, before any work, for cells that are no JSON or there twice, and for a file
    that is damaged or of another cell. Unfinished, after all other cells are done and kept, for a
    cell whose run failed, or an executor that broke.
    """
    directory = Path(directory)
    todo = {path_of(cell, directory): cell for cell in cells}
    if len(todo) < len(cells):
        raise ValueError(f"sweep: {len(cells) - len(todo)} of {len(cells)} cells are there twice")
    paths = list(todo)
    results = {path: read(path, cell) for path, cell in todo.items() if path.exists()}
    todo = {path: cell for path, cell in todo.items() if path not in results}
    directory.mkdir(parents=True, exist_ok=True)
    failed, broken = {}, 0
    hidden = not (sys.stderr.isatty() if progress is None else progress)
    with tqdm(
        total=len(paths), initial=len(results), disable=hidden, unit="cell", ascii=True
    ) as bar:
        while todo and broken < (TRIES if executor is None else 1):
            before = len(todo)
            for path, result in run_all(todo, run, executor, processes):
                if isinstance(result, Exception):
                    failed[path] = (todo.pop(path), result)
                else:
                    results[path] = write(path, todo.pop(path), result)
                bar.update()
            if todo and executor is None:
                warnings.warn("sweep: a process was killed; its cell is run again", stacklevel=2)
            broken = broken + 1 if len(todo) == before else 0
            if executor is not None:
                break
    if failed or todo:
        lines = [f"sweep: {len(results)} of {len(paths)} cells are kept in {directory}; the same "
                 "call goes on from there."]  # fmt: skip
        if todo:
            lines.append(f"The executor broke, perhaps for want of memory, with {len(todo)} to do.")
        errors = [f"{cell}: {type(error).__name__}: {error}" for cell, error in failed.values()]
        causes = [error for _, error in failed.values()]
        raise Unfinished("\n".join(lines + errors)) from (causes[0] if causes else None)
    return [results[path] for path in paths]


def run_all(todo, run, executor=None, processes=None):
    """Yield (path, result) as cells end, in any order; an error that a run raised is its result.

    Cells that a broken executor did not finish are passed over.
    """
    pool, futures = executor, {}
    if executor is None:
        pool = ProcessPoolExecutor(
            min(processes or cores(), len(todo)), get_context("spawn"), begin_process
        )
    try:
        try:
            for path, cell in todo.items():
                futures[pool.submit(run, cell)] = path
        except BrokenExecutor:
            pass  # those submitted so far may have ended well
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except (BrokenExecutor, CancelledError):
                continue
            except Exception as error:
                yield futures[future], error
    finally:  # Ctrl-C, too: what has not begun will not begin
        for future in futures:
            future.cancel()
        if executor is None:
            pool.shutdown()


def begin_process():
    """In a new process: one thread for its products, and an end with the sweep's own process.

    Several processes, each with several threads, would wait for each other; and those of a sweep
    that was killed would wait for cells for ever.
    """
    threadpool_limits(1)
    threading.Thread(target=end_with_parent, daemon=True).start()


def end_with_parent():
    parent_process().join()
    os._exit(1)


def path_of(cell, directory):
    """A cell's file: its name is a hash of the cell."""
    try:
        key = json.dumps(cell, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(f"sweep: expected cells that JSON can hold, got {cell!r}") from error
    return directory / f"{hashlib.sha256(key.encode()).hexdigest()[:16]}.json"


def write(path, cell, result):
    """Keep a cell's result, whole or not at all; returns it as it will be read."""
    text = json.dumps({"cell": cell, "result": result}, indent=1)
    with whole_file(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return json.loads(text)["result"]


def read(path, cell):
    """The result in a cell's file. Raises: ValueError for a file that is not one of this cell."""
    if not path.is_file():  # to read a pipe would be to wait, perhaps for ever
        raise ValueError(f"{path}: expected a sweep's result, found no file; move it away")
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path}: not readable as a sweep's result ({error}); delete it to run its cell again"
        ) from None
    if not isinstance(kept, dict) or kept.keys() != {"cell", "result"}:
        raise ValueError(f"{path}: expected a sweep's cell and result, found something else")
    if kept["cell"] != json.loads(json.dumps(cell)):
        raise ValueError(f"{path}: expected the result of {cell}, found that of {kept['cell']}")
    return kept["result"]
