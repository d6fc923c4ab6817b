"""Writing files whole or not at all."""

import contextlib
import os
import pathlib


@contextlib.contextmanager
def whole_file(path):
    """Yield a temporary path beside `path`; it takes `path`'s place only if nothing went wrong.

    A reader sees the old file or the new one, never half of one.
    Raises: OSError as the file system does, with the old file untouched.
    """
    path = pathlib.Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp{path.suffix}")
    try:
        temporary.touch()  # with the permissions that a new file gets here
        mode = temporary.stat().st_mode
        yield temporary
        os.chmod(temporary, mode)  # safetensors leaves its files readable by their owner only
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
