"""A kind that `fuzz_guided` fuzzes: whole inputs, what reads and uses them, and their damage."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """`seeds(place)` are whole inputs, `reader(place)` returns what reads one, and uses it."""

    seeds: Callable
    reader: Callable
    damage: Callable


def beside(read, name, files=lambda place: None):
    """A reader of a folder in which `files` wrote the rest, and the input is the file `name`."""

    def reader(place):
        files(place)

        def reads(data):
            (place / name).write_bytes(data)
            return read(place)

        return reads

    return reader


def copied(directory):
    def files(place):
        for path in directory.iterdir():
            if path.name != "expected.safetensors":
                (place / path.name).write_bytes(path.read_bytes())

    return files


def file_of(*paths):
    return lambda place: [path.read_bytes() for path in paths]
