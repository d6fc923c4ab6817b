"""GGUF: one file with a model's settings, its tokenizer, and its weights in few bits.

    "GGUF", the version, how many tensors, how many settings
    each setting: its name, type and value      each tensor: its name, shape, kind and place
    the tensors' numbers

Nothing in a file is trusted: every count is held against the bytes that are there before it is
believed, and tensors' names, shapes and kinds are compared with what the settings call for before
any is read. The types of settings, the sizes of blocks and what their bits stand for are the
knowledge of the format's own library, `gguf`, an optional extra. Its GGUFReader is not used: it
believes a count of 2^62 and never ends, maps the file, and takes 5 s and 163 MB for the header of
SmolLM2 (0.13 s and 11 MB here).
"""

import functools
import math
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..system.checks import said_of
from ..system.extras import import_extra
from .safetensors_io import stamp

KINDS = (  # those of which models are made; `gguf` dequantizes each
    "F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K",
    "Q6_K", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS",
    "TQ1_0", "TQ2_0",
)  # fmt: skip
VERSIONS = (2, 3)
MAGIC = b"GGUF"


@dataclass(frozen=True)
class Packed:
    """A tensor in a GGUF file: its shape and kind are known, its numbers are not read yet."""

    name: str
    shape: tuple[int, ...]  # rows first, as everywhere else; the file's own order is reversed
    kind: object  # gguf's GGMLQuantizationType
    path: Path
    place: int  # of its first byte in the file

    def row_bytes(self):
        block, size = import_extra("gguf").GGML_QUANT_SIZES[self.kind]
        if self.shape[-1] % block:
            raise ValueError(f"{self.name} {self.shape} in {self.kind.name}: a row is no blocks")
        return self.shape[-1] // block * size

    def end(self):
        """The place behind its last byte."""
        return self.place + self.row_bytes() * math.prod(self.shape[:-1])

    def read(self, dtype=np.float32, rows=slice(None)):
        """Its numbers as `dtype`, of all or some of its rows (the last axis is a row)."""
        width, count = self.row_bytes(), math.prod(self.shape[:-1])
        start, stop, _ = rows.indices(count)
        place = self.place + start * width
        data = np.fromfile(self.path, np.uint8, (stop - start) * width, offset=place)
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
        """The setting `name`, of type `kind` (for lists: of their items), or `default`."""
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

    def __init__(self, file, library):
        self.file, self.at, self.size = file, file.tell(), os.fstat(file.fileno()).st_size
        self.numbers = library.GGUFReader.gguf_scalar_to_np  # {type of a setting: NumPy's}
        self.types = library.GGUFValueType

    def bytes(self, count):
        self.at += count
        if self.at > self.size:
            raise ValueError(f"it ends {self.at - self.size:,} bytes too early")
        data = self.file.read(count)
        if len(data) != count:
            raise ValueError("it became shorter while it was read")
        return data

    def array(self, dtype, count):
        dtype = np.dtype(dtype).newbyteorder("<")
        return np.frombuffer(self.bytes(count * dtype.itemsize), dtype)

    def u32(self):
        return int.from_bytes(self.bytes(4), "little")

    def u64(self):
        return int.from_bytes(self.bytes(8), "little")

    def string(self):
        return self.bytes(self.u64()).decode("utf-8")

    def value(self):
        """A setting: its type, then a number, a string, or a list of either."""
        kind = self.types(self.u32())
        if kind == self.types.STRING:
            return self.string()
        if kind in self.numbers:
            return self.array(self.numbers[kind], 1)[0].item()
        kind, count = self.types(self.u32()), self.u64()
        if kind == self.types.ARRAY:
            raise ValueError("a list of lists is no setting of these models")
        if kind == self.types.STRING:
            return [self.string() for _ in range(count)]
        return self.array(self.numbers[kind], count)


def check_magic(path):
    """Raise ValueError unless the file at `path` begins as GGUF does; no library is needed."""
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: no such file")
    with open(path, "rb") as file:
        begins = file.read(len(MAGIC))
    if begins != MAGIC:
        found = f"it begins with {begins!r}" if begins else "it is empty"
        folder = f", as {path.parent}" if path.suffix == ".safetensors" else ""
        expected = f"expected a directory{folder}, or a .gguf file"
        raise ValueError(f"{path}: not a GGUF file: {found}; {expected}")


def open_gguf(path):
    """The GGUF file at `path`; the last one opened is kept, for its weights and its tokenizer."""
    path = Path(path)
    check_magic(path)
    return _open(path, path.stat().st_size, stamp(path))


@functools.lru_cache(maxsize=1)
def _open(path, size, when):
    library = import_extra("gguf")
    with open(path, "rb") as file:
        file.seek(len(MAGIC))
        with said_of(f"{path}: not a whole GGUF file"):
            return read_header(Cursor(file, library), path, library)


def read_header(cursor, path, library):
    """The GGUF whose version comes next."""
    version, tensor_count, field_count = cursor.u32(), cursor.u64(), cursor.u64()
    if version not in VERSIONS:
        raise ValueError(f"expected version {' or '.join(map(str, VERSIONS))}, got {version}")
    known = {kind.value: kind for kind in library.GGMLQuantizationType if kind.name in KINDS}
    fields, found = {}, {}
    for _ in range(field_count):
        name = cursor.string()
        if name in fields:
            raise ValueError(f"the setting {name} is there twice")
        fields[name] = cursor.value()
    for _ in range(tensor_count):
        name, dimensions = cursor.string(), cursor.u32()
        if name in found or not 1 <= dimensions <= 4:
            raise ValueError(f"the tensor {name} is there twice, or has {dimensions} dimensions")
        shape = tuple(cursor.u64() for _ in range(dimensions))[::-1]
        if 0 in shape:
            raise ValueError(f"the tensor {name} {shape} is empty")
        kind, place = cursor.u32(), cursor.u64()
        if kind not in known:
            raise ValueError(f"{name} is in kind {kind}; expected one of {', '.join(KINDS)}")
        found[name] = shape, known[kind], place
    alignment = fields.get("general.alignment", 32)
    if type(alignment) is not int or not 1 <= alignment <= 1 << 20:
        raise ValueError(f"expected an alignment from 1, got {alignment!r}")
    start = -(-cursor.at // alignment) * alignment  # the places are counted from here
    tensors = {}
    for name, (shape, kind, place) in found.items():
        tensors[name] = Packed(name, shape, kind, path, start + place)
        if tensors[name].end() > cursor.size:
            raise ValueError(f"{name} {shape} ends behind the end of the file")
    in_order = sorted(tensors.values(), key=lambda tensor: tensor.place)
    for first, then in zip(in_order, in_order[1:]):
        if then.place < first.end():
            raise ValueError(f"{then.name} begins within {first.name}")
    return GGUF(path, fields, tensors)
