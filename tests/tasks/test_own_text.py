"""Text that people have, in each form: all of it is read, and nothing is learnt that is tested."""

import codecs
import io
import json
import re
import sys
from collections import Counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lora_np.tasks import text
from lora_np.tasks.held_out import divide
from lora_np.tasks.samples import Samples
from lora_np.tokenizers import byte

PARAGRAPHS = [f"Paragraph {i} says: {'word ' * (i * 37 % 90)}{i}." for i in range(120)]
LINES = [f"Sample {i}: {i} and {i} are {2 * i}." for i in range(200)]
again_and_again = settings(
    max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def counted(tokens, between=r"\n\n"):
    """How often each paragraph stands in a row of tokens; END reads as a blank line."""
    return Counter(p.strip() for p in re.split(between, byte.decode(tokens)) if p.strip())


def same(one, other):
    return (
        one.train.tobytes() == other.train.tobytes()
        and one.held_out.tobytes() == other.held_out.tobytes()
    )


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(rows):
    return "\n".join(map(json.dumps, rows))


paragraphs = st.sampled_from(["a", "b", "c\nd", " e", "f" * 70, *"ghijklmno"])
pieces = st.lists(paragraphs, min_size=1, max_size=5)
documents = st.lists(st.lists(pieces, min_size=1, max_size=4), max_size=4)


@given(documents)
def test_every_paragraph_stays_as_often_as_it_stands_and_on_one_side(documents):
    stand = Counter(p.strip() for pieces in documents for piece in pieces for p in piece)
    if len(stand) < 2:
        with pytest.raises(ValueError, match="expected two paragraphs, lines or rows that differ"):
            divide(documents)
        return
    train, held_out = (
        Counter(p.strip() for run in side for p in run.split("\n\n")) for side in divide(documents)
    )
    assert train + held_out == stand and train and held_out and not train.keys() & held_out.keys()


@again_and_again
@given(st.lists(st.integers(0, 119), min_size=2), st.sampled_from(["\n\n", "\n \t\n", "\n\n\n\n"]))
def test_a_paragraph_that_stands_thirty_times_is_kept_thirty_times(tmp_path, chosen, blank):
    """The same in a file, whatever is repeated and however blank its blank lines are."""
    chosen = [PARAGRAPHS[i] for i in (*chosen, 0, 1, 2)] + [PARAGRAPHS[3]] * 30
    reading = text.file(write(tmp_path / "own.txt", blank.join(chosen)))
    train, held_out = counted(reading.train), counted(reading.held_out)
    assert train + held_out == Counter(chosen) and not train.keys() & held_out.keys()


def test_what_stands_together_stays_together(tmp_path):
    """Where nothing is held out in between there is no end mark, and no blank line is lost."""
    whole = "\n\n\n".join(PARAGRAPHS)
    reading = text.file(write(tmp_path / "own.py", whole))
    runs = [
        byte.decode(run)
        for tokens in (reading.train, reading.held_out)
        for run in np.split(tokens, np.flatnonzero(tokens == byte.END))
        if len(run) > 1
    ]
    assert sum(reading.documents) == len(runs) < 12
    assert all(run.strip() in whole for run in runs)
    assert 0.02 < len(reading.held_out) / len(whole) < 0.3


@again_and_again
@given(
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(
        [
            (codecs.BOM_UTF8, "utf-8"),
            (b"", "utf-8"),
            (codecs.BOM_UTF16_LE, "utf-16-le"),
            (codecs.BOM_UTF16_BE, "utf-16-be"),
            (codecs.BOM_UTF32_LE, "utf-32-le"),
            (codecs.BOM_UTF32_BE, "utf-32-be"),
        ]
    ),
    st.sampled_from(
        [
            ("own.txt", "\n\n".join(PARAGRAPHS) + " \N{SNOWMAN}"),
            ("own.txt", "\n".join(LINES)),
            ("own", jsonl({"text": line} for line in LINES)),
            ("own.jsonl", jsonl({"prompt": line, "completion": "yes"} for line in LINES)),
        ]
    ),
)
def test_line_ends_and_byte_order_marks_are_no_text(tmp_path, end, mark, named):
    name, content = named
    plain = text.file(write(tmp_path / "plain" / name, content))
    encoded = mark[0] + content.replace("\n", end).encode(mark[1])
    reading = text.file(write(tmp_path / "other" / name, encoded))
    assert same(reading, plain)
    assert "\ufeff" not in byte.decode(reading.train) + byte.decode(reading.held_out)
    assert str(reading).split(" is ", 1)[1] == str(plain).split(" is ", 1)[1]


def test_marks_left_where_files_were_joined_are_no_text_either(tmp_path):
    joined = "".join("\ufeff" + json.dumps({"text": line}) + "\n" for line in LINES)
    reading = text.file(write(tmp_path / "own.jsonl", joined))
    assert same(reading, text.file(write(tmp_path / "own.txt", "\n".join(LINES))))


@pytest.mark.parametrize(
    ("name", "content", "form", "field"),
    [
        ("own.txt", "\n".join(LINES), "auto", None),
        ("own.txt", "\n".join(LINES) + "\n\n\n", "auto", None),
        ("own.txt", "\n".join([*LINES[:77], "", *LINES[77:]]), "auto", None),
        ("own.md", "\n\n".join(LINES), "lines", None),
        ("own", jsonl({"text": line, "n": 1} for line in LINES), "auto", None),
        ("own.jsonl", jsonl({"content": line} for line in LINES), "auto", "content"),
        ("own.txt", jsonl({"text": line, "body": "no"} for line in LINES), "jsonl", None),
        ("own.json", json.dumps([{"text": line} for line in LINES], indent=1), "auto", None),
        ("own.ndjson", jsonl({"text": each} for each in ["", *LINES, " \n"]), "auto", None),
    ],
)
def test_the_same_samples_in_any_form_are_the_same_text(tmp_path, name, content, form, field):
    reading = text.file(write(tmp_path / name, content), form=form, field=field)
    assert same(reading, text.file(write(tmp_path / "plain.txt", "\n".join(LINES))))
    assert sum(reading.documents) == len(LINES)
    assert counted(reading.train) + counted(reading.held_out) == Counter(LINES)


def test_a_line_of_jsonl_ends_only_where_a_newline_is(tmp_path):
    """U+2028, U+0085 and a form feed may stand in a JSON string as they are."""
    odd = [f"{line}\u2028and\x85on\u2029" for line in LINES]
    rows = "\n".join(json.dumps({"text": line}, ensure_ascii=False) for line in odd)
    reading = text.file(write(tmp_path / "own.jsonl", rows))
    found = counted(reading.train) + counted(reading.held_out)
    assert found == Counter(line.strip() for line in odd)


def test_a_folder_is_all_its_files_of_text(tmp_path):
    folder = tmp_path / "folder"
    write(folder / "a" / "prose.md", "\n\n".join(PARAGRAPHS[:60]))
    write(folder / "code.py", b"\xef\xbb\xbf" + "\r\n\r\n".join(PARAGRAPHS[60:]).encode())
    write(folder / "b" / "rows.jsonl", jsonl({"text": line} for line in LINES))
    write(folder / "short.txt", "one\ntwo")
    write(folder / "picture.png", b"\x89PNG\0")
    write(folder / ".hidden" / "x.txt", "hidden")
    write(folder / ".hidden.txt", "hidden")
    reading = text.file(folder)
    found = counted(reading.train) + counted(reading.held_out)
    assert found == Counter([*PARAGRAPHS, *LINES, "one\ntwo"])
    assert not counted(reading.train).keys() & counted(reading.held_out).keys()
    assert reading.form == (
        "a folder of 4 files (1 .py, 1 .txt, 1 .md, 1 .jsonl; left out: 1 .png), "
        "121 paragraphs, 200 rows of JSONL, text"
    )
    rows = text.file(folder, form="jsonl")
    assert counted(rows.train) + counted(rows.held_out) == Counter(LINES)
    assert sum(text.file(folder, form="lines").documents) == 122  # and no JSONL


def test_a_folder_does_not_depend_on_the_order_that_its_files_are_in(tmp_path):
    for name in ("c", "a", "b"):
        write(tmp_path / "one" / f"{name}.txt", "\n\n".join(PARAGRAPHS[ord(name) - 97 :: 3]))
    for name in ("a", "b", "c"):
        write(tmp_path / "two" / f"{name}.txt", "\n\n".join(PARAGRAPHS[ord(name) - 97 :: 3]))
    assert same(text.file(tmp_path / "one"), text.file(tmp_path / "two"))


def test_standard_input_is_a_file(tmp_path, monkeypatch):
    content = "\n".join(LINES).encode()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    reading = text.file("-")
    assert reading.name == "standard input"
    assert same(reading, text.file(write(tmp_path / "own.txt", content)))
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(ValueError, match="expected text on standard input, and it is closed"):
        text.file("-")


def test_what_was_read_is_said(tmp_path):
    reading = text.file(write(tmp_path / "own.txt", "\n".join(LINES)))
    learnt, held_out = reading.documents
    assert str(reading) == (
        f"{tmp_path / 'own.txt'} is 200 lines, one sample each: {len(reading.train):,} tokens in "
        f"{learnt} documents to learn from; {len(reading.held_out):,} tokens in {held_out} "
        "documents held out, chosen by a hash of their own text"
    )
    assert learnt + held_out == 200 and 8 < held_out < 35
    assert "documents held out, chosen by a hash of their names" in str(text.prose())
    bare = text.Text("bare", np.zeros(7), np.zeros(5))
    assert str(bare) == "bare: 7 tokens to learn from; 5 tokens held out"


@given(st.integers(0, 6), st.integers(0, 6))
def test_few_short_paragraphs_are_enough(a, b):
    """No number of characters is too few: two paragraphs that differ can be told apart."""
    documents = [[[f"p{a}", f"p{b}"]]]
    if a != b:
        assert sorted(map(len, divide(documents))) == [1, 1]


def test_of_a_short_text_too_the_most_is_learnt_from(tmp_path):
    """Two pieces of 2,000 characters would be one a side, and the longer one might be held out."""
    for n in range(40, 70):
        lines = [f"Line {i} of {n} that one wrote, and each has fifty letters." for i in range(n)]
        reading = text.file(write(tmp_path / "own.txt", "\n\n".join(lines)))
        assert len(reading.train) > len(reading.held_out), n


class NoEnd(byte.ByteTokenizer):
    end = None


def test_documents_do_not_run_together_where_no_token_ends_them(tmp_path):
    path = write(tmp_path / "own.txt", "\n".join(LINES))
    one, other = text.file(path, NoEnd), text.file(path)
    assert byte.decode(one.train) == byte.decode(other.train)


def test_answers_give_samples(tmp_path):
    for rows, field in (
        ([{"prompt": line, "completion": "yes"} for line in LINES], None),
        ([{"question": line, "answer": "yes"} for line in LINES], ["question", "answer"]),
    ):
        path = write(tmp_path / "own.jsonl", jsonl(rows))
        assert isinstance(text.file(path, field=field), Samples)
