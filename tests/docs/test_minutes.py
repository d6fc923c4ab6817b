"""The minutes that lessons state are those that follow from what they hold."""

import json
import re
import sys
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402
import minutes  # noqa: E402

LESSONS = execute.lessons()


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_a_lesson_states_its_minutes(path):
    """In fives, and within MARGIN of what is computed. Other tests hold the pages to it."""
    said, computed = minutes.stated(path)[0], minutes.minutes(minutes.measure(path))
    assert said % minutes.NEAREST == 0
    assert abs(said - computed) <= minutes.MARGIN, "run notebooks/tools/minutes.py --write"


def test_every_lesson_was_timed():
    seconds = json.loads(minutes.SECONDS.read_text("utf-8"))
    assert sorted(seconds) == [path.name for path in LESSONS]
    assert all(0 < each < 600 for each in seconds.values())


def test_what_is_written_is_what_is_computed_and_nothing_else():
    texts = minutes.rewritten()
    assert set(texts) == {*LESSONS, minutes.SYLLABUS, minutes.GUIDE}
    for path, text in texts.items():
        assert re.sub(r"\d+", "", text) == re.sub(r"\d+", "", path.read_text("utf-8"))
    for path in LESSONS:
        new, number = minutes.rounded(minutes.measure(path)), path.stem.split("_")[0]
        assert f"| Time | {new} minutes" in texts[path]
        assert re.search(rf"^\| \[{number}\].*\| {new} \|", texts[minutes.SYLLABUS], re.M)
        assert re.search(
            rf"^\| {number.lstrip('0')} [^|]*\| {new} \+ \d", texts[minutes.GUIDE], re.M
        )


def test_what_is_counted(tmp_path):
    """A lesson made up, of which each count is known."""
    text = (
        "one two three\n\n$$a = b$$\n\n<details><summary>Where from</summary>not read</details>\n\n"
        "> **Predict.** four\n> - (a) five\n\n<details><summary>Answer</summary>six</details>"
    )
    code = 'import x\nfrom y import (a,\n    b)\n\nz = 1\nu = z + 1  # yours: from z\nshow("a")\n'
    shown = new_output("display_data", {"text/plain": "1\n2", "image/png": ""})
    cells = [
        new_markdown_cell(text),
        new_code_cell(code),
        new_code_cell("source(x)", outputs=[shown]),
        new_markdown_cell(
            "## Test yourself\n1. seven? <details><summary>Answer</summary>8</details>"
        ),
    ]
    nbformat.write(new_notebook(cells=cells), tmp_path / "a.ipynb")
    assert minutes.measure(tmp_path / "a.ipynb") == {
        "words": 3 + 4 + 2 + 6,  # said; Predict four, a five; Answer six; and the questions
        "formulas": 1,
        "code lines": 3 + 1 + 2,
        "figures": 1,
        "predictions": 1,
        "holes": 1,
        "questions": 1,
        "seconds": 0,
    }
    assert minutes.rounded({"words": 1500, "holes": 1, "seconds": 0}) == 15
