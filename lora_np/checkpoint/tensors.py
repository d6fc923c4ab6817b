"""Reading and writing the two kinds of file: safetensors for numbers, JSON for settings.

Nothing in a file is trusted. The safetensors library checks that a header fits its file; whoever
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
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ..files import whole_file

FLOATS = ("F64", "F32", "F16", "BF16")
LISTED = 40  # names of one kind that an error lists before it counts the rest
JSON_LIMIT = 1 << 24  # bytes; a sharded model's index is far below


@dataclass(frozen=True)
class Stored:
    """A tensor in an open file: its shape and dtype are known, its numbers are not read yet."""

    name: str
    shape: tuple[int, ...]
    kind: str  # safetensors' name of the dtype
    file: object
    path: Path

    def read(self, dtype=np.float32, rows=slice(None)):
        """Its numbers as `dtype`, in one copy out of the memory-mapped file; or some rows of them.

        Raises: ValueError if it does not hold real numbers, or one that is not finite in `dtype`.
        """
        if self.kind not in FLOATS:
            raise ValueError(f"{self.path}: expected {self.name} in floats, got {self.kind}")
        array = self._bfloat16() if self.kind == "BF16" else self.file.get_slice(self.name)
        array = array[rows]
        with np.errstate(over="ignore"):  # too large for `dtype` becomes inf, refused below
            array = array.astype(dtype, copy=False)
        if not np.isfinite(array).all():
            raise ValueError(
                f"{self.path}: {self.name} holds numbers that are not finite in {array.dtype}"
            )
        return array

    def __getitem__(self, rows):
        return self.read(np.float32, rows)

    def read_raw(self):
        """Its bytes or float32 numbers as they are."""
        if self.kind not in ("U8", "F32"):
            raise ValueError(f"{self.path}: expected {self.name} in U8 or F32, got {self.kind}")
        return self.file.get_tensor(self.name)

    def _bfloat16(self):
        with open(self.path, "rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            start, stop = json.loads(file.read(length))[self.name]["data_offsets"]
        count = math.prod(self.shape)
        if stop - start != 2 * count:
            raise ValueError(f"{self.path}: {self.name} is described twice")
        bits = np.fromfile(self.path, "<u2", count, offset=8 + length + start)
        return UpperHalves(bits.reshape(self.shape))


@dataclass(frozen=True)
class UpperHalves:
    """NumPy has no bfloat16, which is a float32's upper half: 16 zero bits complete it."""

    bits: np.ndarray

    def __getitem__(self, rows):
        return (self.bits[rows].astype(np.uint32) << np.uint32(16)).view(np.float32)


@contextlib.contextmanager
def open_tensors(*paths):
    """Yield {name: Stored} for everything in these safetensors files, none of it read yet.

    Raises: ValueError for a file that is not whole and well-formed, an empty tensor, or a name
    that two files hold.
    """
    stored = {}
    with contextlib.ExitStack() as stack:
        for path in paths:
            try:
                file = stack.enter_context(safe_open(path, framework="numpy"))
                for name in file.keys():
                    part = file.get_slice(name)
                    shape = tuple(part.get_shape())
                    if not math.prod(shape):
                        raise ValueError(f"{path}: {name} {shape} is empty")
                    if name in stored:
                        raise ValueError(f"{name} is in {stored[name].path} and in {path}")
                    stored[name] = Stored(name, shape, part.get_dtype(), file, path)
            except (SafetensorError, OSError) as error:
                raise ValueError(f"{path}: not a readable safetensors file: {error}") from error
        yield stored


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
    try:
        value = json.loads(
            path.read_bytes(),
            parse_int=sane(int),
            parse_float=sane(float),
            parse_constant=sane(float),
        )
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise ValueError(f"{path}: expected a JSON object, got {type(value).__name__}")
    return value


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
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{where}: expected {name} to be a number, got {value!r}")
    return value


def write_directory(directory, tensors, settings, tensor_file, settings_file):
    """Write both files into `directory`, which is made if need be: whole, or not at all.

    Both are complete beside their targets before either takes its place.
    """
    directory = Path(directory)
    directory.mkdir(parents=True, exist_ok=True)
    tensors = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with (
        whole_file(directory / settings_file) as settings_path,
        whole_file(directory / tensor_file) as tensors_path,
    ):
        # "pt" is what transformers and PEFT look for: their own tensors' layout.
        save_file(tensors, tensors_path, metadata={"format": "pt"})
        text = json.dumps(settings, indent=2, sort_keys=True) + "\n"
        settings_path.write_text(text, encoding="utf-8")
