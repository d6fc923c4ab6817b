"""Text that cannot be read: the error names the file, the line, and what was expected there."""

import json
import os

import pytest

from lora_np.tasks import text


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def jsonl(rows):
    return "\n".join(map(json.dumps, rows))


CHAT = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("own.txt", "", {}, "own.txt: expected two .* that differ, .* found none"),
        ("own.txt", "word " * 99999, {}, "own.txt: expected two paragraphs, .* found one$"),
        ("own.txt", "a\n\na\n\na", {}, "own.txt: expected two .* found one, 3 times"),
        ("own.txt", "é".encode("latin-1"), {}, "own.txt: expected UTF-8 text .*byte 0xe9"),
        ("own.txt", b"\xff\xfe\x00", {}, "own.txt: expected UTF-16 text .*truncated"),
        ("own.txt", "a\nb".encode("utf-16-le"), {}, "zero byte; is it UTF-16"),
        ("own.txt", "a\nb", {"form": "csv"}, "expected one of auto, .*, jsonl, got 'csv'"),
        ("own.txt", "a\nb", {"form": "lines", "field": "x"}, "'x' names a field of JSONL, and the"),
        ("own.txt", "a\nb", {"field": "x"}, "own.txt, line 1: expected JSON, one object a line"),
        ("own.jsonl", "", {}, "own.jsonl: expected a JSON object a line, found none"),
        ("own.jsonl", '{"text": "a"}\n\n{"text": "b"', {}, r"own.jsonl, line 3: .*at character 13"),
        ("own.jsonl", '{"text": "a"}\n[1]', {}, "line 2: expected an object such as .*got a list"),
        ("own.jsonl", '{"text": 7}', {}, "line 1: expected a string in 'text', got 7"),
        ("own.jsonl", '{"text": null}', {}, "line 1: expected a string in 'text', got null"),
        ("own.jsonl", r'{"text": "a\ud800"}', {}, r"line 1: 'text' holds '\\ud800', half of"),
        ("own.jsonl", '{"body": "a", "id": 1}', {}, "found 'body', 'id'; say with `field` which"),
        ("own.jsonl", '{"text": "a"}\n{"txt": "b"}', {}, "line 2: .* field 'text', found 'txt'"),
        ("own.jsonl", '{"text": "a"}\n' + "[" * 200_000, {}, "line 2: .*nested 200,000 deep"),
        ("own.jsonl", '{"text": ' + "9" * 5000 + "}", {}, "line 1: expected JSON .*digits"),
        ("own.jsonl", '{"text": "a"}', {"field": ("a", "b", "c")}, "a name, or those of prompt"),
        ("own.jsonl", '{"text": "a"}', {"field": ("text", "b")}, "expected the field 'b', found"),
        ("own.json", '[{"text": "a"}, {"text": 1}]', {}, "item 2: expected a string in 'text'"),
        ("own.json", '{\n "text": "a"\n}', {}, "line 1: expected JSON, one object a line"),
        ("own.jsonl", jsonl([{"messages": "a"}, CHAT]), {}, "line 2: expected a string as in the"),
        ("own.jsonl", '{"messages": ["a"]}', {}, "line 1: .*turn 1"),
        ("own.jsonl", '{"messages": []}', {}, "line 1: expected an assistant's answer after"),
        ("own.jsonl", jsonl([CHAT, CHAT]), {}, "own.jsonl: expected two samples .* one, 2 times"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path, name, content, options, message):
    with pytest.raises(ValueError, match=message) as caught:
        text.file(write(tmp_path / name, content), **options)
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="empty: expected files of text, .txt.*; found none"):
        text.file(tmp_path / "empty")
    write(tmp_path / "pictures" / "a.png", b"")
    with pytest.raises(ValueError, match="found 1 .png"):
        text.file(tmp_path / "pictures")
    write(tmp_path / "both" / "a.jsonl", jsonl([CHAT]))
    write(tmp_path / "both" / "b.txt", "a\n\nb")
    with pytest.raises(ValueError, match="b.txt: text and samples with answers in one folder"):
        text.file(tmp_path / "both")
    write(tmp_path / "wrong" / "a.txt", b"\xff")
    with pytest.raises(ValueError, match="a.txt: expected UTF-8 text"):
        text.file(tmp_path / "wrong")
    write(tmp_path / "texts" / "a.txt", "x" * 60)
    with pytest.raises(ValueError, match="field 'x' names a field of JSONL, and no .jsonl is here"):
        text.file(tmp_path / "texts", field="x")
    write(tmp_path / "texts" / "b.txt", "x" * 60)
    monkeypatch.setattr(text, "LARGEST_FILE", 100)
    with pytest.raises(ValueError, match="b.txt: expected at most 100 bytes of text in all"):
        text.file(tmp_path / "texts")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="a.txt: expected a file of .*, found a pipe"):
        text.file(tmp_path)
