"""Writing files whole or not at all."""

import contextlib
import json
import os
import pathlib
import shutil
import tempfile

import numpy as np

from .platform import fcntl


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path; its file replaces `path`'s at once, if nothing went wrong."""
    with whole_files(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def whole_files(first, *rest, in_place_of=()):
    """Yield a temporary path for each path, all of one folder; their files replace them together.

    The first is the one without which the others do not count, such as a model's settings. It is
    taken away before the others change and comes back last: a process killed in between leaves a
    folder that says it is not whole, never files of two saves side by side. So are the files named
    in `in_place_of`, which would contradict the new ones.
    """
    paths = [pathlib.Path(path) for path in (first, *rest)]
    folder = paths[0].parent
    own, lock = make_own(folder)  # whatever a library leaves beside its file is then in here
    try:
        temporaries = [own / path.name for path in paths]
        for temporary in temporaries:
            temporary.touch()  # with the permissions that a new file gets here
        modes = [temporary.stat().st_mode for temporary in temporaries]
        yield temporaries
        for temporary, mode in zip(temporaries, modes):
            os.chmod(temporary, mode)  # safetensors leaves its files readable by their owner only
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
        with turn_in(folder):
            for name in [paths[0].name, *in_place_of] if rest or in_place_of else []:
                (folder / name).unlink(missing_ok=True)
            for temporary, path in reversed([*zip(temporaries, paths)]):
                os.replace(temporary, path)
    finally:
        shutil.rmtree(own, ignore_errors=True)
        if lock is not None:
            os.close(lock)


@contextlib.contextmanager
def turn_in(folder):
    """Wait until no other process is here with this folder, where there are locks."""
    if fcntl is None:
        yield
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which ends the turn, as the end of the process would


def make_own(folder):
    """(a new folder in `folder` to write in, the handle of its lock); takes abandoned ones away.

    Whoever writes holds the lock, and a process that was killed holds none. A process's number
    would not tell: in another container it means another process.
    """
    with turn_in(folder):  # or another could find the new folder before it is locked
        for path in folder.glob(".lora_np.*.tmp"):
            lock = try_lock(path)
            if lock is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
        own = pathlib.Path(tempfile.mkdtemp(".tmp", ".lora_np.", folder))
        return own, try_lock(own)


def try_lock(folder):
    """The handle of a lock on `folder`; None if another holds it, or where there are no locks."""
    if fcntl is None:
        return None
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # it is gone, or not ours to read
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def make_directory(path):
    """`path` as a directory that exists; made before the work, so that the work is not lost."""
    path = pathlib.Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError:
        raise ValueError(f"--out {path}: expected a directory, found a file") from None
    return path


def write_json(path, numbers):
    with whole_file(path) as temporary:
        temporary.write_text(to_json(numbers) + "\n", encoding="utf-8")


def to_json(numbers):
    """JSON, NumPy's numbers and arrays too. Raises: TypeError for what JSON cannot hold."""
    return json.dumps(numbers, indent=1, default=plain)


def plain(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"JSON cannot hold {type(value).__name__}: {value!r}")
