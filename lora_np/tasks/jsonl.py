"""JSONL: one JSON object a line, with a text, a prompt and its completion, or a conversation."""

import json

from ..system.json_text import parse_json

FIELDS = ("messages",), ("prompt", "completion"), ("text",)  # looked for in this order


def read_rows(text, name, field=None):
    """(what was read in words, texts, samples), of which the texts or the samples are empty.

    `field` names the field that holds the text or the messages, or is a pair of names, of the
    prompt and its completion; without it the first row says which of FIELDS there are. A sample is
    a pair of strings, or a list of (role, text). An array of objects is read as well. Rows whose
    text is blank are left out.
    Raises: ValueError that names the line, what was expected there, and what came.
    """
    rows = _rows(text, name)
    if not rows:
        raise ValueError(f"{name}: expected a JSON object a line, found none")
    names = _names(*rows[0], field)
    kinds, values = zip(*(_value(where, row, names) for where, row in rows))
    for (where, _), kind in zip(rows, kinds):
        if kind != kinds[0]:
            raise ValueError(f"{where}: expected {kinds[0]} as in the first row, got {kind}")
    what = f"{len(rows):,} rows of JSONL, {' and '.join(names)}"
    if kinds[0] != "a string":
        return what, [], list(values)
    texts = [value for value in values if value.strip()]
    empty = len(values) - len(texts)
    return what + (f", {empty:,} of them empty and left out" if empty else ""), texts, []


def _rows(text, name):
    """[(where it stands, object)]"""
    if text.lstrip().startswith("["):
        rows = [(f"{name}, item {i}", row) for i, row in enumerate(_parse(text, name), 1)]
    else:  # not splitlines: a JSON string may hold other marks of a line's end
        lines = [(i, line) for i, line in enumerate(text.split("\n"), 1) if line.strip()]
        rows = [(where := f"{name}, line {i}", _parse(line, where)) for i, line in lines]
    for where, row in rows:
        if not isinstance(row, dict):
            raise ValueError(
                f'{where}: expected an object such as {{"text": "…"}}, got {_kind(row)}'
            )
    return rows


def _parse(string, where):
    try:
        return parse_json(string)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{where}: expected JSON, one object a line ({error.msg} at character {error.pos + 1})"
        ) from None
    except ValueError as error:  # nested too deep, or a number of thousands of digits
        raise ValueError(f"{where}: expected JSON ({error})") from None


def _names(where, row, field):
    if field is None:
        for names in FIELDS:
            if row.keys() >= set(names):
                return names
        raise ValueError(
            f"{where}: expected the field text, or prompt and completion, or messages, found "
            f"{_shown(row)}; say with `field` which one holds the text"
        )
    names = (field,) if isinstance(field, str) else tuple(field)
    if len(names) not in (1, 2) or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f"field: expected a name, or those of prompt and completion, got {field!r}"
        )
    return names


def _value(where, row, names):
    for name in names:
        if name not in row:
            raise ValueError(f"{where}: expected the field {name!r}, found {_shown(row)}")
    if len(names) == 2:
        return "a pair", tuple(_string(where, name, row[name]) for name in names)
    (value,) = (row[name] for name in names)
    if isinstance(value, list):
        return "messages", _messages(where, names[0], value)
    return "a string", _string(where, names[0], value)


def _messages(where, name, messages):
    turns = []
    for i, message in enumerate(messages):
        if not isinstance(message, dict) or not message.keys() >= {"role", "content"}:
            raise ValueError(
                f'{where}: expected {{"role": …, "content": …}} in {name!r}, turn {i + 1}'
            )
        turns.append(tuple(_string(where, key, message[key]) for key in ("role", "content")))
    if not any(role == "assistant" for role, _ in turns[1:]):
        raise ValueError(
            f"{where}: expected an assistant's answer after another's turn in {name!r}"
        )
    return turns


def _string(where, name, value):
    if not isinstance(value, str):
        raise ValueError(f"{where}: expected a string in {name!r}, got {_kind(value)}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        half = ascii(value[error.start])
        raise ValueError(f"{where}: {name!r} holds {half}, half of a character") from None
    return value.replace("\r\n", "\n").replace("\r", "\n")


def _kind(value):
    kinds = {dict: "an object", list: "a list", str: "a string", type(None): "null"}
    return kinds.get(type(value), json.dumps(value)[:40])


def _shown(row):
    """The names of a row's fields, as many as can be read at a glance."""
    names = [repr(name[:40]) for name in list(row)[:8]] + ["…"] * (len(row) > 8)
    return ", ".join(names) or "no field"
