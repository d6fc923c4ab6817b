"""Exercises drawn by a student's number: the same for the same number, on every machine.

A sheet is a Markdown text with `<<name>>` where something is drawn. Nothing is kept of a draw: who
has the number has the sheet, and so does the grader.
"""

import csv
import hashlib
import re
import unicodedata
from pathlib import Path, PurePath

import nbformat
import numpy as np

from .masters import stamp

CODE = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
PLACE = re.compile(r"<<(\w+)>>")
STUDENT = "lora_np_student"  # in the notebook's metadata


def pick(student, what, choices):
    """One of `choices`: which one follows from the student's number and from `what` is drawn.

    By SHA-256, whose bits are the same everywhere and for ever; a random generator's may change.
    """
    digest = hashlib.sha256(f"{student}\n{what}".encode("utf-8", "surrogatepass")).digest()
    return choices[int.from_bytes(digest[:8], "big") % len(choices)]


def tenths(student, what, *shape):
    """Numbers from −0.9 to 0.9 to one decimal, none of them zero."""
    choices = [n / 10 for n in range(-9, 10) if n]
    places = range(int(np.prod(shape)))
    return np.array([pick(student, f"{what} {i}", choices) for i in places]).reshape(shape)


def sheet(text, student, values):
    """The master notebook of a student's sheet: `text`, with `values` in its places.

    Each block of Python is a code cell, what stands between two is a Markdown cell.
    Raises: ValueError for a place that has no value.
    """
    unknown = sorted(set(PLACE.findall(text)) - set(values))
    if unknown:
        raise ValueError(f"nothing is drawn for {', '.join(f'<<{name}>>' for name in unknown)}")
    text = PLACE.sub(lambda found: values[found[1]], text)
    cells = []
    for at, part in enumerate(CODE.split(text)):
        make = nbformat.v4.new_code_cell if at % 2 else nbformat.v4.new_markdown_cell
        # A heading begins a cell of its own, so that an explanation's text can stand before it.
        pieces = [part] if at % 2 else re.split(r"^---$", part, flags=re.M)
        cells += [make(piece.strip("\n")) for piece in pieces if piece.strip()]
    notebook = stamp(nbformat.v4.new_notebook(cells=cells), student)
    notebook.metadata = {**notebook.metadata, STUDENT: student}
    return notebook


def class_list(path):
    """{name: number} of a CSV file with these two columns.

    Raises: ValueError that says what is wrong with it.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"class list {path}: {error}") from None
    rows = list(csv.DictReader(composed(text).splitlines()))
    pairs = [((row.get("name") or "").strip(), (row.get("number") or "").strip()) for row in rows]
    for place, (name, number) in enumerate(pairs, start=2):
        if not name or not number or PurePath(name).parts != (name,) or name == "..":
            raise ValueError(
                f"class list {path}, line {place}: expected the columns name and number, a comma "
                f"between them, the name as that of a file; got {rows[place - 2]}"
            )
    names, numbers = zip(*pairs) if pairs else ((), ())
    names = [name.casefold() for name in names]  # Amy and amy are one folder on many systems
    for what, seen in (("name", names), ("number", numbers)):
        twice = sorted({each for each in seen if seen.count(each) > 1})
        if twice:
            raise ValueError(f"class list {path}: the {what} {twice[0]} stands there twice")
    if not pairs:
        raise ValueError(f"class list {path}: expected a line for each student, found none")
    return dict(pairs)


def composed(text):
    """Each ü as one character: macOS writes file names with two, and so do zip files made there."""
    return unicodedata.normalize("NFC", text)


def whose(name, notebook, students):
    """(the number of the student who handed in `name`, what is odd about that or "").

    A class list decides, by the longest of its names that begins a part of `name`, as folders of
    learning platforms do (amy_12345_file); without one, what the notebook says of itself.
    Raises: ValueError if nobody is found.
    """
    about = notebook.get("metadata")
    said = str(about.get(STUDENT, ""))[:100] if isinstance(about, dict) else ""
    if students is None:
        if not said:
            raise ValueError("the notebook names no student: give a class list, --students FILE")
        return said, ""
    parts = PurePath(composed(name)).parts
    found = [n for n in students if any(part == n or part.startswith(f"{n}_") for part in parts)]
    if not found:
        raise ValueError(f"no name of the class list begins a part of {name}")
    number = students[max(found, key=len)]
    other = said not in ("", number)
    return number, f"this sheet was drawn for {said}, not for {number}" if other else ""
