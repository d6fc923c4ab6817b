"""Writing files whole or not at all."""

import contextlib
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
    """Yield a temporary path beside `path`; it takes `path`'s place only if nothing went wrong.

    A reader sees the old file or the new one, never half of one.
    Raises: OSError as the file system does, with the old file untouched.
    """
    with whole_files(path) as (temporary,):
        yield temporary


@contextlib.contextmanager
def whole_files(first, *rest):
    """Yield a temporary path beside each path, in one folder; they take their places together.

    The first is the one without which the others do not count, such as a model's settings. It is
    taken away before the others change and comes back last: a process killed in between leaves a
    folder that says it is not whole, never files of two saves side by side. Two processes that
    write the same files at once take turns.
    Raises: OSError as the file system does, with the old files untouched if writing fails.
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
    """Wait until no other process is here with this folder; nothing where there are no locks."""
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
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
