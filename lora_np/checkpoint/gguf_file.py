"""GGUF: one file with a model's settings, its tokenizer, and its weights in few bits.

    "GGUF", the version, how many tensors, how many settings
    each setting: its name, type and value      each tensor: its name, shape, kind and place
    the tensors' numbers

Nothing in a file is trusted: every count is held against the bytes that are there before it is
believed, and tensors' names, shapes and kinds are compared with what the settings call for before
any is read. What the bits of a tensor stand for is the knowledge of the format's own library,
`gguf`, an optional extra.
"""

import functools
import math
import mmap
import struct
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")
VERSIONS = (2, 3)
NUMBERS = {  # the types of settings, by their code in the file, as struct and NumPy call them
    0: "u1", 1: "i1", 2: "u2", 3: "i2", 4: "u4", 5: "i4", 6: "f4", 7: "?", 10: "u8", 11: "i8",
    12: "f8",
}  # fmt: skip
STRING, ARRAY = 8, 9


def import_extra(name):
    """The optional library `name`; raises ImportError that says what to install."""
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(
            f"this file needs the library `{name}`, which is optional here; install it with: "
            "pip install gguf tokenizers"
        ) from error


@dataclass(frozen=True)
class Packed:
    """A tensor in a GGUF file: its shape and kind are known, its numbers are not read yet."""

    name: str
    shape: tuple[int, ...]  # rows first, as everywhere else; the file's own order is reversed
    kind: object  # gguf's GGMLQuantizationType
    path: Path
    place: int  # of its first byte in the file

    def row_bytes(self):
        """Bytes of one row. Raises: ValueError for a row that is not whole blocks."""
        block, size = import_extra("gguf").GGML_QUANT_SIZES[self.kind]
        if self.shape[-1] % block:
            raise ValueError(f"{self.name} {self.shape} in {self.kind.name}: a row is no blocks")
        return self.shape[-1] // block * size

    def end(self):
        """The place behind its last byte."""
        return self.place + self.row_bytes() * math.prod(self.shape[:-1])

    def read(self, dtype=np.float32, rows=slice(None)):
        """Its numbers as `dtype`, of all or some of its rows (the last axis is a row).

        Raises: ValueError if one is not finite.
        """
        width, count = self.row_bytes(), math.prod(self.shape[:-1])
        start, stop, _ = rows.indices(count)
        data = np.fromfile(
            self.path, np.uint8, (stop - start) * width, offset=self.place + start * width
        )
        with np.errstate(all="ignore"):  # what is not finite is refused below
            array = import_extra("gguf").dequantize(data.reshape(-1, width), self.kind)
        array = np.asarray(array, dtype)
        array = array.reshape(self.shape if stop - start == count else (-1, self.shape[-1]))
        if not np.isfinite(array).all():
            raise ValueError(f"{self.path}: {self.name} holds numbers that are not finite")
        return array

    def __getitem__(self, rows):
        return self.read(np.float32, rows)


@dataclass(frozen=True)
class GGUF:
    """A file's header: `tensors` {name: Packed}, and settings by `get`."""

    path: Path
    fields: dict
    tensors: dict

    def get(self, name, kind, default=None):
        """The setting `name`, of type `kind` (for lists: of their items).

        Raises: ValueError if it is of another type, or missing with no default.
        """
        if name not in self.fields:
            if default is None:
                raise ValueError(f"{self.path}: no setting {name}")
            return default
        value = self.fields[name]
        value = value.tolist() if isinstance(value, np.ndarray) else value
        items = value if isinstance(value, list) else [value]
        if not items or not all(type(item) is kind for item in items):
            raise ValueError(f"{self.path}: expected {name} to be {kind.__name__}, got {items[:3]}")
        return value


class Cursor:
    """Reads a file's bytes in order; ValueError where they end too early."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def bytes(self, count):
        start, self.at = self.at, self.at + count
        if self.at > len(self.data):
            raise ValueError(f"it ends {self.at - len(self.data):,} bytes too early")
        return self.data[start : self.at]

    def numbers(self, kind, count):
        kind = np.dtype("<" + NUMBERS[kind])
        return np.frombuffer(self.bytes(count * kind.itemsize), kind)

    def count(self):
        return struct.unpack("<Q", self.bytes(8))[0]

    def string(self):
        return self.bytes(self.count()).decode("utf-8")

    def kind(self):
        return struct.unpack("<I", self.bytes(4))[0]

    def value(self, kind):
        if kind in NUMBERS:
            return self.numbers(kind, 1)[0].item()
        if kind == STRING:
            return self.string()
        if kind != ARRAY:
            raise ValueError(f"a setting of the unknown type {kind}")
        kind, count = self.kind(), self.count()
        if kind in NUMBERS:
            return self.numbers(kind, count)
        if kind != STRING:
            raise ValueError(f"a list of items of type {kind}, neither numbers nor text")
        return [self.string() for _ in range(count)]


def open_gguf(path):
    """The GGUF file at `path`; the last one opened is kept, for its weights and its tokenizer.

    Raises: ImportError without the library; ValueError for a file that is not a whole GGUF, or
    holds a tensor of a kind that cannot be read.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    status = path.stat()
    return _open(path, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1)
def _open(path, size, time):
    library = import_extra("gguf")
    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            raise ValueError(f"{path}: not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                return read_header(Cursor(data), path, library)
            except ValueError as error:
                raise ValueError(f"{path}: not a whole GGUF file: {error}") from error


def read_header(cursor, path, library):
    """The GGUF that these bytes are. Raises: ValueError for what is not whole, or not known."""
    cursor.bytes(4)  # "GGUF"
    version, tensor_count, field_count = cursor.kind(), cursor.count(), cursor.count()
    if version not in VERSIONS:
        raise ValueError(f"expected version {' or '.join(map(str, VERSIONS))}, got {version}")
    known = {kind.value: kind for kind in library.GGMLQuantizationType if kind.name in KINDS}
    fields, tensors = {}, {}
    for _ in range(field_count):
        name = cursor.string()
        if name in fields:
            raise ValueError(f"the setting {name} is there twice")
        fields[name] = cursor.value(cursor.kind())
    for _ in range(tensor_count):
        name, dimensions = cursor.string(), cursor.kind()
        if name in tensors or not 1 <= dimensions <= 4:
            raise ValueError(f"the tensor {name} is there twice, or has {dimensions} dimensions")
        shape = tuple(cursor.count() for _ in range(dimensions))[::-1]
        if 0 in shape:
            raise ValueError(f"the tensor {name} {shape} is empty")
        kind, place = cursor.kind(), cursor.count()
        if kind not in known:
            raise ValueError(f"{name} is in kind {kind}; expected one of {', '.join(KINDS)}")
        tensors[name] = Packed(name, shape, known[kind], path, place)
    alignment = fields.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= 1 << 20:
        raise ValueError(f"expected an alignment from 1, got {alignment!r}")
    start = -(-cursor.at // alignment) * alignment
    for name, tensor in tensors.items():  # so far, its place was counted from `start`
        tensors[name] = replace(tensor, place=start + tensor.place)
        if tensors[name].end() > len(cursor.data):
            raise ValueError(f"{name} {tensor.shape} ends behind the end of the file")
    return GGUF(path, fields, tensors)
