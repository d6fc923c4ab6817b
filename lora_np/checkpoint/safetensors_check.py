"""Whether a safetensors file is whole and well-formed: nothing in it is believed before this.

The format's own library says so. There is none for WebAssembly; there its rules are applied here,
and the errors are in its words. https://github.com/huggingface/safetensors, `read_metadata`.
"""

import json
import math
import os

from ..system.checks import said_of
from ..system.json_text import parse_json
from ..system.platform import usable

library = usable("safetensors", "safe_open")

HEADER_LIMIT = 100_000_000  # bytes
U64 = 2**64 - 1  # the largest size that the library counts with
BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    **dict.fromkeys("BOOL U8 I8 F8_E5M2 F8_E4M3 F8_E8M0 F8_E4M3FNUZ F8_E5M2FNUZ".split(), 8),
    **dict.fromkeys("I16 U16 F16 BF16".split(), 16),
    **dict.fromkeys("I32 U32 F32".split(), 32),
    **dict.fromkeys("I64 U64 F64 C64".split(), 64),
}  # fmt: skip


def check_file(path):
    """Raise ValueError unless the header is well-formed and the tensors fill the rest exactly."""
    if library is None:
        return check_by_rules(path)
    try:
        with library.safe_open(path, framework="numpy"):
            pass
    except library.SafetensorError as error:
        raise ValueError(str(error)) from error


def check_by_rules(path):
    """As `check_file`, without the library."""
    with said_of("Error while deserializing header"):
        with open(path, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            length = int.from_bytes(file.read(8), "little")
            refuse_if(size < 8, "header too small")
            refuse_if(length > HEADER_LIMIT, "header too large")
            refuse_if(8 + length > size, "invalid header length")
            tensors = {each[-1]: each for each in described(file.read(length))}
        end = 0  # of a name that is there twice, the last counts, and leaves the first's bytes over
        for begin, stop, kind, shape, name in sorted(tensors.values(), key=lambda each: each[:2]):
            refuse_if(begin != end or stop < begin, f"invalid offset for tensor `{name}`")
            end, bits = stop, bits_of(shape, BITS[kind])
            refuse_if(bits % 8, f"tensor `{name}` does not end up at a byte boundary")
            fits = stop - begin == bits // 8
            refuse_if(not fits, "invalid shape, data type, or offset for tensor")
        refuse_if(end != size - 8 - length, "incomplete metadata, file not fully covered")


def refuse_if(wrong, why):
    if wrong:
        raise ValueError(why)


def bits_of(shape, bits):
    """How many bits so many numbers take, of which every product on the way fits in 64 bits."""
    count = 1
    for size in (*shape, bits):
        count *= size
        refuse_if(count > U64, "overflow computing buffer size from shape and/or element type")
    return count


class Fields(list):
    """A JSON object as its (name, value) pairs, for a name may be there twice."""

    def one(self, name, kind):
        """The value that is of this kind, and there once."""
        values = [value for key, value in self if key == name]
        if len(values) != 1 or type(values[0]) is not kind:
            raise ValueError(f"expected one {name}, a {kind.__name__}, got {short(values)}")
        return values[0]


def described(header):
    """[(begin, stop, kind, shape, name)] of a header's bytes. Raises: ValueError."""
    with said_of("invalid UTF-8 in header"):
        text = header.decode()
    with said_of("invalid JSON in header"):
        read = parse_json(
            text, object_pairs_hook=Fields, parse_int=whole, parse_float=finite, parse_constant=none
        )
        json.dumps(read, ensure_ascii=False).encode()  # fails for half a character
        if type(read) is not Fields:
            raise ValueError(f"expected an object, got a {type(read).__name__}")
        if any(name == "__metadata__" and about is not None for name, about in read):
            check_strings(read.one("__metadata__", Fields))
        elif [name for name, _ in read].count("__metadata__") > 1:
            raise ValueError("duplicate field `__metadata__`")
        return [tensor(*pair) for pair in read if pair[0] != "__metadata__"]


def check_strings(metadata):
    for name, value in metadata:
        if type(value) is not str:
            raise ValueError(f"expected a string for {name!r} in __metadata__, got {short(value)}")


def tensor(name, about):
    if type(about) is not Fields:
        raise ValueError(f"expected {name!r} to be an object, got {short(about)}")
    kind, shape = about.one("dtype", str), about.one("shape", list)
    offsets = about.one("data_offsets", list)
    if kind not in BITS:
        raise ValueError(f"unknown variant {short(kind)}, expected one of {', '.join(BITS)}")
    sizes = [*shape, *offsets]
    if len(offsets) != 2 or not all(type(size) is int and 0 <= size <= U64 for size in sizes):
        raise ValueError(f"expected whole numbers, and two data_offsets, got {short(sizes)}")
    return *offsets, kind, shape, name


def short(value):
    return repr(value)[:80]


def whole(digits):
    """An integer of 64 bits, or what the library's parser makes of any other: a float."""
    fits = len(digits) <= 20 and digits != "-0" and -(2**63) <= int(digits) <= U64
    return int(digits) if fits else finite(digits)


def finite(digits):
    value = float(digits)
    return value if math.isfinite(value) else none(digits)


def none(digits):
    raise ValueError(f"number out of range: {digits[:40]}")
