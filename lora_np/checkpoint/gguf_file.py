"""GGUF: one file with a model's settings, its tokenizer, and its weights in few bits.

The format is read by its own library, `gguf`, an optional extra. Nothing in a file is trusted: the
tensors' names, shapes and kinds are compared with what the settings call for before any is read.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

KINDS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K")


def import_extra(name):
    """The optional library `name`; raises ImportError that says what to install."""
    try:
        return __import__(name)
    except ImportError as error:
        raise ImportError(
            f"this file needs the library `{name}`, which is optional here; install it with: "
            'pip install "lora_np[llm]"'
        ) from error


@dataclass(frozen=True)
class Packed:
    """A tensor in an open GGUF file: its shape and kind are known, its numbers are not read yet."""

    name: str
    shape: tuple[int, ...]  # rows first, as everywhere else; the file's own order is reversed
    tensor: object
    path: Path

    def read(self, dtype=np.float32):
        """Its numbers as `dtype`.

        Raises: ValueError if one is not finite.
        """
        with np.errstate(all="ignore"):  # what is not finite is refused below
            array = import_extra("gguf").dequantize(self.tensor.data, self.tensor.tensor_type)
        array = np.array(array.reshape(self.shape), dtype)
        if not np.isfinite(array).all():
            raise ValueError(f"{self.path}: {self.name} holds numbers that are not finite")
        return array


@dataclass(frozen=True)
class GGUF:
    """An open file: `tensors` {name: Packed}, and settings by `get`."""

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
        value = self.fields[name].contents()
        items = value if isinstance(value, list) else [value]
        if not items or not all(type(item) is kind for item in items):
            raise ValueError(f"{self.path}: expected {name} to be {kind.__name__}, got {items[:3]}")
        return value


def open_gguf(path):
    """The GGUF file at `path`; the last one opened is kept, since reading its words takes seconds.

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
    try:
        with np.errstate(all="ignore"):
            reader = library.GGUFReader(path)
        tensors = {
            tensor.name: Packed(tensor.name, tuple(map(int, tensor.shape[::-1])), tensor, path)
            for tensor in reader.tensors
        }
    except Exception as error:  # whatever its bytes led the library to
        raise ValueError(f"{path}: not a whole GGUF file: {error}") from error
    for name, packed in tensors.items():
        kind = packed.tensor.tensor_type.name
        if kind not in KINDS:
            raise ValueError(f"{path}: {name} is in {kind}; expected one of {', '.join(KINDS)}")
    return GGUF(path, reader.fields, tensors)
