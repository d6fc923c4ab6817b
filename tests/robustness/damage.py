"""Ways to damage a file, each (bytes, rng) -> bytes; and a link in its place."""

import json
import os
import struct

ODD = [
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    3,
    7,
    2**31,
    2**63,
    10**30,
    0.5,
    -1e300,
    1e308,
    "",
    "c_attn",
    "../x",
    [],
    [1],
    {},
    {"a": 1},
    ["c_attn", "c_fc"],
    [[]],
    "F32",
    "I64",
    "BF16",
    [2**40, 2**40],
    [0],
    [12, 36],
    "all",
    "all-linear",
    ["lm_head"],
    ["ln_f"],
    ["wte"],
    ["score"],
    "LORA_NP",
]

ODD_NUMBERS = [0, 1, 2, 3, 5, 8, 9, 13, 255, 2**16, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]


def flip_bytes(data, rng):
    data = bytearray(data)
    for _ in range(rng.integers(1, 8)):
        data[rng.integers(len(data) if rng.random() < 0.5 else min(len(data), 400))] = rng.integers(
            256
        )
    return bytes(data)


def cut(data, rng):
    return data[: rng.integers(len(data) + 1)]


def repeat_a_part(data, rng):
    start, stop = sorted(rng.integers(0, len(data) + 1, 2))
    return data[:stop] + data[start:stop] + data[stop:]


def nest(data, rng):
    return [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff\xfe"][rng.integers(4)]


def change_value(value, rng):
    """Something odd in one place of a JSON value."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        key = list(value)[rng.integers(len(value))]
        kind = rng.random()
        if kind < 0.15:
            return {k: v for k, v in value.items() if k != key}
        if kind < 0.25:
            return value | {key + "x": value[key]}
        return value | {key: change_value(value[key], rng)}
    if isinstance(value, list) and value and rng.random() < 0.7:
        i = rng.integers(len(value))
        return value[:i] + [change_value(value[i], rng)] + value[i + 1 :]
    return ODD[rng.integers(len(ODD))]


def change_json(data, rng):
    return json.dumps(change_value(json.loads(data), rng)).encode()


def change_header(data, rng):
    (length,) = struct.unpack("<Q", data[:8])
    header = json.dumps(change_value(json.loads(data[8 : 8 + length]), rng)).encode()
    claimed = len(header) if rng.random() < 0.9 else int(rng.integers(2**62))
    return struct.pack("<Q", claimed) + header + data[8 + length :]


def change_numbers(data, rng):
    """Counts, lengths, types, shapes and places that lie: some 4 or 8 bytes near the start."""
    data = bytearray(data)
    for _ in range(rng.integers(1, 3)):
        value = ODD_NUMBERS[rng.integers(len(ODD_NUMBERS))]
        packed = struct.pack("<Q", value)[: 4 if rng.random() < 0.4 else 8]
        at = rng.integers(4, 32) if rng.random() < 0.3 else rng.integers(4, min(len(data), 3000))
        data[at : at + len(packed)] = packed
    return bytes(data)


def link(file, rng):
    """In the file's place: a link to itself, to nothing, to a folder or a device, or a pipe."""
    target = [file.name, "nowhere", ".", "..", "/dev/null", "/etc/passwd", None][rng.integers(7)]
    file.unlink()
    os.mkfifo(file) if target is None else file.symlink_to(target)


def change_template(data, rng):
    """Marks of Jinja where they do not belong, and templates that would never end."""
    pieces = [
        "{%", "%}", "{{", "}}", "{#", "'", "{% endfor %}", "{% if x %}", "{{ messages[9] }}",
        "{% for i in range(99999999) %}", "{% for i in range(99999) %}{% for j in range(99999) %}",
        "{{ 'a' * 9999999999 }}", "{{ messages * 99999999 }}", "{{ 9 ** 9 ** 9 }}",
        "{{ " + "(" * 9000,
        "{{ messages[0].content.join(messages) }}", "{{ raise_exception(messages) }}", "\ud800",
        "{% macro f() %}{{ f() }}{{ f() }}{% endmacro %}{{ f() }}", "{{ ''.__class__ }}",
        "{% generation %}", "{{ messages | tojson(indent=99999999) }}", "{{ self.x.y }}",
        "{% set messages = 3 %}", "{{ '%99999999d' % 1 }}", "{{ messages | sort | join('a') }}",
    ]  # fmt: skip
    piece = pieces[rng.integers(len(pieces))].encode("utf-8", "surrogatepass")
    at = rng.integers(len(data) + 1)
    return data[:at] + piece + data[at:]
