"""Reading and writing the two kinds of file: safetensors for numbers, JSON for settings.

Nothing in a file is trusted. First of all `check_file` sees that a header fits its file; whoever
reads compares names and shapes with what they expect before the first number is read, so nothing
is ever allocated by a size that only the file claims.
"""

import contextlib
import json
import math
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..system.checks import is_number, said_of
from ..system.files import plain, whole_files
from ..system.json_text import parse_json
from .dtypes import from_bfloat16
from .safetensors_check import HEADER_LIMIT, check_file
from .safetensors_write import KINDS, save_tensors

# Of numbers in a file, by safetensors' names
LAYOUTS = {kind: dtype.newbyteorder("<").str for dtype, kind in KINDS.items()} | {"BF16": "<u2"}
FLOATS = ("F64", "F32", "F16", "BF16")
LISTED = 4  # names of one kind that an error lists before it counts the rest
JSON_LIMIT = 1 << 24  # bytes; a sharded model's index is far below
BAD = (OSError, struct.error, KeyError, TypeError, ValueError)


@dataclass(frozen=True)
class Stored:
    """A tensor in an open file: its shape and dtype are known, its numbers are not read yet."""

    name: str
    shape: tuple[int, ...]
    kind: str  # safetensors' name of the dtype
    offset: int  # where its bytes begin
    file: object
    path: Path

    def read(self, dtype=np.float32, rows=slice(None)):
        """Its numbers as `dtype`, or those of some rows.

        Raises: ValueError if it does not hold real numbers, or one that is not finite in `dtype`.
        """
        if self.kind not in FLOATS:
            raise ValueError(f"{self.path}: expected {self.name} in floats, got {self.kind}")
        array = self._numbers(rows)
        if self.kind == "BF16":
            array = from_bfloat16(array)
        with np.errstate(over="ignore"):  # too large for `dtype` becomes inf, refused below
            array = array.astype(dtype, copy=False)
        if not np.isfinite(array).all():
            raise ValueError(
                f"{self.path}: {self.name} holds numbers that are not finite in {array.dtype}"
            )
        return array

    def __getitem__(self, rows):
        return self.read(np.float32, rows)

    def read_raw(self, kinds=("U8", "F32")):
        """Its numbers as they are. Raises: ValueError if they are not of one of these kinds."""
        if self.kind not in kinds:
            expected = " or ".join(kinds)
            raise ValueError(f"{self.path}: expected {self.name} in {expected}, got {self.kind}")
        return self._numbers()

    def metadata(self):
        """What its file says beside the tensors, {name: string}: of the file that is open."""
        return header_of(self.file)[1].get("__metadata__") or {}  # null stands for none

    def _numbers(self, rows=slice(None)):
        """Read, not memory-mapped: a map of a file that shrinks ends the process, not the read."""
        start, stop, _ = rows.indices(self.shape[0]) if self.shape else (0, 1, 1)
        shape = (stop - start, *self.shape[1:]) if self.shape else ()
        layout, row = np.dtype(LAYOUTS[self.kind]), math.prod(self.shape[1:])
        self.file.seek(self.offset + start * row * layout.itemsize)
        array = np.fromfile(self.file, layout, math.prod(shape))
        if array.size != math.prod(shape):
            raise ValueError(f"{self.path}: it became shorter while {self.name} was read")
        return array.reshape(shape)


@contextlib.contextmanager
def open_tensors(*paths):
    """Yield {name: Stored} for everything in these safetensors files, none of it read yet.

    A tensor may be empty: PEFT writes so a layer of which AdaLoRA has left nothing.
    Raises: ValueError for a file that is not whole and well-formed, or a name that two files hold.
    """
    stored = {}
    with contextlib.ExitStack() as stack:
        for path in paths:
            try:
                if not Path(path).is_file():  # to open a pipe would be to wait, perhaps for ever
                    raise FileNotFoundError("there is no such file")
                check_file(path)  # so the header is well-formed and fits the file
                for tensor in tensors_of(stack.enter_context(open(path, "rb")), path):
                    if tensor.name in stored:
                        raise ValueError(f"{tensor.name} is in {stored[tensor.name].path} too")
                    stored[tensor.name] = tensor
            except BAD as error:
                raise ValueError(f"{path}: not a readable safetensors file: {error}") from error
        yield stored


def tensors_of(file, path):
    """Yield a Stored for each tensor that this file's header describes."""
    start, header = header_of(file)
    header.pop("__metadata__", None)
    for name, about in header.items():
        kind, shape, (begin, end) = about["dtype"], tuple(about["shape"]), about["data_offsets"]
        if kind in LAYOUTS and end - begin != np.dtype(LAYOUTS[kind]).itemsize * math.prod(shape):
            raise ValueError(f"{name} changed while it was read")
        yield Stored(name, shape, kind, start + begin, file, path)


def header_of(file):
    """(where a safetensors file's numbers begin, what its header says of them)."""
    file.seek(0)
    (length,) = struct.unpack("<Q", file.read(8))
    if length > HEADER_LIMIT:
        raise ValueError(f"expected a header of at most {HEADER_LIMIT:,} bytes, got {length:,}")
    return 8 + length, parse_json(file.read(length))


def compare_shapes(expected, stored, where):
    """Raise one ValueError that lists every tensor missing, unexpected or of another shape."""
    wrong = [
        f"{name} is {stored[name].shape}, expected {shape}"
        for name, shape in expected.items()
        if name in stored and stored[name].shape != shape
    ]
    missing = [f"{name} {shape}" for name, shape in expected.items() if name not in stored]
    extra = [f"{name} {stored[name].shape}" for name in stored if name not in expected]
    kinds = {"missing": missing, "unexpected": extra, "of another shape": wrong}
    problems = "; ".join(f"{kind}: {listed(names)}" for kind, names in kinds.items() if names)
    if problems:
        raise ValueError(f"{where}: {problems}")


def listed(names):
    """The names with commas; of very many, the first and how many more."""
    names = [str(name) for name in names]
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more


def read_json(path):
    """The object in a JSON file.

    Raises: ValueError if there is no such file, or it is not one JSON object of a sane size.
    """
    path = Path(path)
    if not path.is_file():
        here = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else None
        there = "no such directory" if here is None else f"it holds {listed(here) or 'nothing'}"
        raise ValueError(f"no {path.name} in {path.parent}: {there}")
    if path.stat().st_size > JSON_LIMIT:
        raise ValueError(f"{path}: expected at most {JSON_LIMIT} bytes of JSON")
    real = sane(float)
    with said_of(f"{path}: not JSON"):
        value = parse_json(
            path.read_bytes(), parse_int=sane(int), parse_float=real, parse_constant=real
        )
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


def stamp(path):
    """What changes when another file takes this one's place, were it with the same words; None
    where there is no file."""
    try:
        status = Path(path).stat()
    except FileNotFoundError:
        return None
    return status.st_ino, status.st_mtime_ns


def confirm(now, before, path):
    """Raise ValueError unless settings read once more are those read before the weights."""
    if now != before:
        raise ValueError(f"{path}: it changed while its folder was read; read it again")


def sane(kind):
    """A parser of numbers that refuses what is not finite, or a whole number past 64 bits."""

    def parse(text):
        if len(text) > 40 or not abs(value := kind(text)) < (2**63 if kind is int else math.inf):
            raise ValueError(f"{text[:40]} is not a number to work with")
        return value

    return parse


def number(config, name, default, where):
    """config[name] as an int or float, or `default` where it is absent."""
    value = config.get(name, default)
    if not is_number(value):
        raise ValueError(f"{where}: expected {name} to be a number, got {value!r}")
    return value


def write_directory(directory, files, settings, texts=None, in_place_of=()):
    """Write `files`, {file name: {name: array}}, `settings`, {file name: object}, and `texts`,
    {file name: string}, into `directory`, made if need be; names `in_place_of` go with it.

    All are complete beside their targets before one takes its place; a process killed just then
    leaves no first settings, so that nobody reads one save's weights with another's settings.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    how = {"indent": 2, "sort_keys": True, "default": plain}
    said = {name: json.dumps(each, **how) + "\n" for name, each in settings.items()}
    texts = said | (texts or {})
    places = (directory / name for name in (*texts, *files))
    with whole_files(*places, in_place_of=in_place_of) as paths:
        # "pt" is what transformers and PEFT look for: their own tensors' layout.
        for path, tensors in zip(paths[len(texts) :], files.values()):
            save_tensors(tensors, path, {"format": "pt"})
        for path, text in zip(paths, texts.values()):
            path.write_text(text, encoding="utf-8")
