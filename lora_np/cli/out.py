"""--out, asked before any work: nothing that is there is written over, and no result is lost."""

import os
from pathlib import Path


def new_file(option, path):
    """Raise ValueError for a path at which no new file can be written."""
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{option} {path} is a folder; name a file in it")
    if path.exists():
        raise ValueError(f"{option} {path} is there already; move it away, or name another")
    if not path.absolute().parent.is_dir():
        raise ValueError(f"{option} {path}: there is no folder {path.parent}")
    _writable(option, path, path.absolute().parent)


def any_folder(option, path):
    """Raise ValueError for a path at which no folder is or can be made."""
    path = Path(path)
    if path.exists() and not path.is_dir():
        raise ValueError(f"{option} {path} is there already, and no folder; name another")
    parents = [path.absolute(), *path.absolute().parents]
    _writable(option, path, next(parent for parent in parents if parent.exists()))


def new_folder(option, path):
    """The same, and for a folder that holds anything: one command's files never mix with others."""
    any_folder(option, path)
    held = sorted(each.name for each in Path(path).iterdir()) if Path(path).exists() else []
    if held:
        raise ValueError(f"{option} {path} holds {held[0]} already; move it away, or name another")


def _writable(option, path, folder):
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise ValueError(f"{option} {path}: {folder} is no folder that can be written to")
