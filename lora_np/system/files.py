"""Writing files whole or not at all."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import threading

try:
    import fcntl
except ImportError:  # not on Windows, nor in a browser
    fcntl = None


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path; its file replaces `path`'s at once, if nothing went wrong."""
    with whole_files(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def whole_files(first, *rest):
    """Yield a temporary path for each path, all of one folder; their files replace them together.

    The first is the one without which the others do not count, such as a model's settings. It is
    taken away before the others change and comes back last: a process killed in between leaves a
    folder that says it is not whole, never files of two saves side by side.
    """
    paths = [pathlib.Path(path) for path in (first, *rest)]
    folder = paths[0].parent
    remove_abandoned(folder)
    own = folder / f".lora_np.{os.getpid()}.{threading.get_ident()}.tmp"
    try:
        own.mkdir()  # whatever a library leaves beside its file is then in here
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
            if rest:
                paths[0].unlink(missing_ok=True)
            for temporary, path in reversed([*zip(temporaries, paths)]):
                os.replace(temporary, path)
    finally:
        shutil.rmtree(own, ignore_errors=True)


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


def remove_abandoned(folder):
    """Remove what processes that were killed while they wrote into `folder` left there."""
    for path in folder.iterdir():
        left = re.fullmatch(r"\.lora_np\.(\d+)\.\d+\.tmp", path.name)
        if left and not is_running(int(left[1])):
            shutil.rmtree(path, ignore_errors=True)


def is_running(process):
    """Whether there is a process of this number, as far as can be known."""
    if os.name != "posix":
        return True  # asking would end it on Windows
    try:
        os.kill(process, 0)
    except OSError as error:  # there is one, where it is only that we may not
        return isinstance(error, PermissionError)
    return True


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
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
