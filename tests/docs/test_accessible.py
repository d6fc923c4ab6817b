"""Every lesson can be read by ear and without colour, as far as its text decides that."""

import accessible
import pytest

PATHS = [p for f in accessible.FOLDERS for p in sorted((accessible.ROOT / f).glob("[0-9]*.ipynb"))]


def test_no_lesson_and_no_exercise_leaves_a_reader_out():
    assert len(PATHS) >= 58
    found = {str(path.relative_to(accessible.ROOT)): accessible.findings(path) for path in PATHS}
    assert {name: what for name, what in found.items() if what} == {}


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
