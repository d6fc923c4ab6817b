"""Every lesson can be read by ear and without colour, as far as its text decides that."""

import accessible
import pytest

PATHS = [p for f in accessible.FOLDERS for p in sorted((accessible.ROOT / f).glob("[0-9]*.ipynb"))]


def test_no_lesson_and_no_exercise_leaves_a_reader_out():
    assert len(PATHS) >= 58
    found = {str(path.relative_to(accessible.ROOT)): accessible.findings(path) for path in PATHS}
    assert {name: what for name, what in found.items() if what} == {}


DIAGRAMS = {"01": 1, "07": 2, "09": 1}  # paths and maps without any number, told by their text


def test_a_figure_has_its_numbers_beside_it_as_a_table():
    lessons = [path for path in PATHS if path.parent.name == "notebooks"]
    shown = {path.stem.split("_")[0]: accessible.figures(path) for path in lessons}
    assert sum(count for count, _ in shown.values()) >= 70
    lacking = {number: count - tables for number, (count, tables) in shown.items()}
    assert {number: count for number, count in lacking.items() if count} == DIAGRAMS


FAULTS = {
    "![a](b.png)": "image without text",
    '<img src="b.png">': "image without text",
    "<table><tr><td>1</td></tr></table>": "table without header",
    "| | b |\n|---|---|\n| 1 | 2 |": "empty header",
    "read [here](x.md)": "link says nothing",
    "[https://x.y](https://x.y)": "link says nothing",
    "The blue line falls.": "by colour alone",
    "<details><summary> </summary>x</details>": "fold without name",
}


@pytest.mark.parametrize("source", FAULTS)
def test_a_fault_is_found(source):
    assert [kind for kind, _ in accessible.of_markdown(source)] == [FAULTS[source]]


@pytest.mark.parametrize(
    "source",
    [
        "![A line that falls from 3 to 1.](b.png) [lesson 3](03.ipynb)",
        "| a | b |\n|---|---|\n| | 2 |",
        "<table><tr><th>a</th></tr></table>",
        "```\n# no heading\n| | |\n|---|---|\n```",
        "<details><summary>Answer</summary>x</details>",
    ],
)
def test_what_is_no_fault_is_passed(source):
    assert list(accessible.of_markdown(source)) == []


def test_headings_that_skip_are_found(tmp_path):
    path = tmp_path / "a.ipynb"
    path.write_text(
        '{"cells": [{"cell_type": "markdown", "source": ["# a\\n", "### b\\n", "# c"]}]}'
    )
    assert accessible.findings(path) == [("heading skips", "b"), ("heading skips", "c")]
