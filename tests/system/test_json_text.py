"""JSON is read in one place, which refuses deep nesting before a parser meets it."""

import ast
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import lora_np
from lora_np.system.json_text import DEEPEST, nesting, parse_json

PACKAGE = Path(lora_np.__file__).parent
STRINGS = st.text(st.sampled_from('[]{}"\\/,:é\ud800a '), max_size=8)
VALUES = st.recursive(
    STRINGS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(STRINGS, inner, max_size=3),
)


def wrapped(value, names, depth):
    """The value in so many brackets, of an object where there is a name."""
    for i in range(depth):
        name = names[i % len(names)]
        value = [name or "", value, []] if name is None else {name: value, "[{": "]"}
    return value


def depth_of(value):
    inner = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inner), default=0) if isinstance(value, dict | list) else 0


@given(value=VALUES, names=st.lists(st.none() | STRINGS, min_size=1), depth=st.integers(0, 140))
@example(1, [None], DEEPEST - 1)
@example(1, [None], DEEPEST)
@example(1, ['"['], DEEPEST - 1)
def test_what_is_read_is_jsons_up_to_the_deepest(value, names, depth):
    value = wrapped(value, names, depth)
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False, indent=1)):
        for form in (
            text,
            text.encode("utf-8", "surrogatepass"),
            text.encode("utf-16", "surrogatepass"),
        ):
            if depth_of(value) <= DEEPEST:
                assert parse_json(form) == value
            else:
                with pytest.raises(ValueError, match=f"nested {depth_of(value)} deep"):
                    parse_json(form)


@given(before=st.lists(VALUES), name=st.none() | STRINGS)
def test_too_many_brackets_are_seen_whatever_stands_before_them(before, name):
    """The parser would get to them; that what follows them is no JSON, it would find too late."""
    opened = "[" if name is None else f"{{{json.dumps(name)}:"
    text = json.dumps([*before, 1])[:-1] + "," + opened * DEEPEST
    assert nesting(text) > DEEPEST
    with pytest.raises(ValueError, match="nested 1[0-9]+ deep"):
        parse_json(text + '"\\" ]]]}}}')


@given(text=st.text(st.sampled_from('[]{}"\\:,1\ud800 ')), opened=st.sampled_from([0, DEEPEST + 1]))
def test_what_is_no_json_is_a_value_error(text, opened):
    with contextlib.suppress(ValueError):
        parse_json("[" * opened + text)


def test_options_are_those_of_jsons_own_reader():
    assert parse_json(b"[1.50]", parse_float=str) == ["1.50"]


@pytest.mark.parametrize("text", ['"' + '\\"' * 2**20 + "[" * 200, "[" * 2**22, '["' * 2**20])
def test_a_large_one_takes_no_longer_than_its_length(text):
    """Each of its million quotation marks could begin a string that never ends."""
    with pytest.raises(ValueError):
        parse_json(text)


def called(path):
    """Every dotted name that the file calls or imports."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_json_is_read_nowhere_else():
    """nano.py, one file that imports nothing of the package, reads what comes with the package;
    nbformat's reader is called on a text whose nesting was checked."""
    own = {PACKAGE / "system" / "json_text.py", PACKAGE / "nano.py"}
    for path in sorted(set(PACKAGE.rglob("*.py")) - own):
        names = set(called(path))
        assert not names & {"json.load", "json.loads", "json.JSONDecoder", "nbformat.read"}, path
        if "nbformat.reader.reads" in names:
            source = path.read_text("utf-8")
            assert source.count("check_nesting(text)\n") == source.count(
                "nbformat.reader.reads(text)"
            )
