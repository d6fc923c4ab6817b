"""Text that people have: a file, a folder or standard input, in one of several forms.

paragraphs: blank lines stand between them. lines: one sample a line. jsonl: see jsonl.py.
"""

import codecs
import os
import pathlib
import re
import stat
import sys
from collections import Counter
from dataclasses import dataclass, field

from .jsonl import read_rows

FORMS = "auto", "paragraphs", "lines", "jsonl"
PIECE = 2000  # characters or more, of whole paragraphs: what is held out or learnt from together
LINES = 50  # more lines than this a paragraph, and a blank line is no end of a paragraph
BLANK_LINE = re.compile(r"\n[^\S\n]*\n(?=[^\S\n]*\S)")
FIRST_ROW = re.compile(r'\s*\{[ \t]*"')
MARKS = [  # of byte order; UTF-32's begins with UTF-16's
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
# What is read of a folder.
ROWS = {".jsonl", ".ndjson"}
PROSE = set(".txt .text .md .markdown .rst .tex .org .adoc".split())
CODE = set(
    ".py .pyi .c .h .cc .cpp .hpp .cs .java .kt .scala .js .jsx .ts .tsx .go .rs .rb .php .swift "
    ".sh .sql .r .jl .lua .pl .hs .ml .f90 .m".split()
)


@dataclass
class Found:
    """What was read: documents, each a list of pieces of paragraphs, or samples; and in words."""

    documents: list = field(default_factory=list)
    samples: list = field(default_factory=list)
    words: list = field(default_factory=list)


def read(path, largest, form="auto", field=None):
    """(name, Found) of a file, a folder, or standard input for "-".

    Raises: ValueError for what is missing, no text, over `largest` bytes, or not in that form.
    """
    if form not in FORMS:
        raise ValueError(f"form: expected one of {', '.join(FORMS)}, got {form!r}")
    if field is not None and form in ("paragraphs", "lines"):
        raise ValueError(f"field: {field!r} names a field of JSONL, and the form {form} has none")
    if path == "-":
        if sys.stdin is None:
            raise ValueError("-: expected text on standard input, and it is closed")
        name, text = "standard input", _text("standard input", sys.stdin.buffer, largest)
    elif os.path.isdir(path):
        return str(path), _read_folder(pathlib.Path(path), largest, form, field)
    else:
        name, text = str(path), _text_of_file(path, largest)
    if form == "auto":
        form = _form_alone(text, pathlib.PurePath(name).suffix.lower(), field)
    found = Found()
    _add(found, text, name, form, field)
    return name, found


def _read_folder(folder, largest, form, field):
    wanted = {"auto": PROSE | CODE | ROWS, "jsonl": ROWS}.get(form, PROSE | CODE)
    paths, other = [], Counter()
    for directory, folders, names in os.walk(folder, onerror=_raise):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (pathlib.Path(directory, name) for name in sorted(names)):
            if path.name.startswith("."):
                continue
            if path.suffix.lower() in wanted:
                paths.append(path)
            else:
                other[path.suffix or path.name] += 1
    if not paths:
        kinds = ".jsonl" if wanted == ROWS else ".txt, .md, .jsonl or of code"
        raise ValueError(f"{folder}: expected files of text, {kinds}; found {_listed(other)}")
    if field is not None and not any(path.suffix.lower() in ROWS for path in paths):
        raise ValueError(f"{folder}: field {field!r} names a field of JSONL, and no .jsonl is here")
    found, kinds, room = Found(), Counter(), largest
    for path in paths:
        text = _text_of_file(path, largest, room)
        room -= len(text.encode())
        kind = path.suffix.lower()
        _add(found, text, str(path), _form_in_folder(text, kind) if form == "auto" else form, field)
        kinds[kind] += 1
        if found.documents and found.samples:
            raise ValueError(
                f"{path}: text and samples with answers in one folder; keep them apart"
            )
    left_out = f"; left out: {_listed(other)}" if other else ""
    found.words = [f"a folder of {len(paths):,} files ({_listed(kinds)}{left_out})", *_sums(found)]
    return found


def _raise(error):
    raise ValueError(f"{error.filename}: {error.strerror}") from None


def _listed(counts):
    most = [f"{n:,} {name[:20]}" for name, n in counts.most_common(8)]
    return ", ".join(most + ["…"] * (len(counts) > 8)) or "none"


def _sums(found):
    """The words of many files as one line: their numbers added up."""
    sums = Counter()
    for words in found.words:
        number, what = words.split(" ", 1)
        sums[what] += int(number.replace(",", ""))
    return [f"{number:,} {what}" for what, number in sums.items()]


def _text_of_file(path, largest, room=None):
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a pipe or a device may have no end
            raise ValueError(
                f"{path}: expected a file of text or a folder, found a pipe or a device"
            )
        with open(path, "rb") as opened:
            return _text(path, opened, largest, room)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None


def _text(name, opened, largest, room=None):
    """All of an open file as text: no byte order mark, lines that end in newlines."""
    room = largest if room is None else room
    content = opened.read(room + 1)
    if len(content) > room:
        raise ValueError(f"{name}: expected at most {largest:,} bytes of text in all")
    mark, encoding = next((m for m in MARKS if content.startswith(m[0])), (b"", "utf-8"))
    try:
        text = content[len(mark) :].decode(encoding)
    except UnicodeDecodeError as error:
        wanted = f"{name}: expected {encoding[:6].upper()} text ({error})"
        raise ValueError(f"{wanted}; save it as plain text, .txt, in UTF-8") from None
    if "\0" in text:
        raise ValueError(f"{name}: expected UTF-8 text, found a zero byte; is it UTF-16?")
    # A mark in the middle is left where files that begin with one were joined.
    return text.replace("\ufeff", "").replace("\r\n", "\n").replace("\r", "\n")


def _form_alone(text, suffix, field):
    first_row = suffix not in CODE and FIRST_ROW.match(text)
    if suffix in ROWS | {".json"} or field is not None or first_row:
        return "jsonl"
    return "lines" if len(_paragraphs(text)) == 1 else _form_of_text(text)


def _form_in_folder(text, suffix):
    if suffix in ROWS:
        return "jsonl"
    return "paragraphs" if suffix in CODE else _form_of_text(text)


def _form_of_text(text):
    many = len(_lines(text)) > LINES * len(_paragraphs(text))
    return "lines" if many else "paragraphs"


def _lines(text):
    return [line for line in text.split("\n") if line.strip()]


def _paragraphs(text):
    """What blank lines part; joined with them, it is the text again."""
    return [paragraph for paragraph in BLANK_LINE.split(text) if paragraph.strip()]


def _add(found, text, name, form, field):
    if form == "jsonl":
        words, texts, samples = read_rows(text, name, field)
        found.documents += [[_paragraphs(each)] for each in texts]
        found.samples += samples
    elif form == "lines":
        lines = _lines(text)
        found.documents += [[[line]] for line in lines]
        words = f"{len(lines):,} lines, one sample each"
    else:
        paragraphs = _paragraphs(text)
        found.documents += [_pieces(paragraphs)] if paragraphs else []
        words = f"{len(paragraphs):,} paragraphs"
    found.words.append(words)


def _pieces(paragraphs):
    pieces, size = [[]], 0
    for paragraph in paragraphs:
        if size >= PIECE:
            pieces.append([])
            size = 0
        pieces[-1].append(paragraph)
        size += len(paragraph) + 2
    return pieces
