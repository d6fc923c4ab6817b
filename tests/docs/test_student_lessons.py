"""The student's form of a lesson follows from the complete one, and leaves the student work."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402
import make_student  # noqa: E402

LESSONS = execute.lessons()
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
OPTION = re.compile(r"^> - \(([abc])\) ", re.M)
ANSWER = re.compile(
    r"<details><summary>Answer</summary>\n\n\*\*\(([abc])\)\.?\*\*(.*?)</details>", re.S
)


def cells_of(path):
    return nbformat.read(path, as_version=4).cells


def code_of(path):
    return [cell.source for cell in cells_of(path) if cell.cell_type == "code"]


def test_the_students_forms_are_made_from_the_complete_ones():
    made = make_student.made()
    assert {p.name for p in make_student.STUDENT.glob("*.ipynb")} == {p.name for p in made}
    for path, text in made.items():
        assert path.read_text("utf-8") == text, "run notebooks/tools/make_student.py"


def test_a_hole_keeps_its_left_side_and_its_hint():
    line = "    du, v = s * dy @ B.T, 1  # yours: from s and dy"
    assert make_student.holes(line) == [("    du, v =", "s * dy @ B.T, 1", "from s and dy")]
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(f"{line}\ncheck('du', du, 1)", execution_count=3),
            nbformat.v4.new_markdown_cell(
                "[a](08_real_text.ipynb) [b](CLAIMS.md#1) [c](https://x.y)"
            ),
        ]
    )
    code, text = make_student.student(notebook).cells
    assert code.source == "    du, v = ...  # TODO: from s and dy\ncheck('du', du, 1)"
    assert code.execution_count is None
    assert text.source == "[a](08_real_text.ipynb) [b](../CLAIMS.md#1) [c](https://x.y)"


@each_lesson
def test_a_link_of_a_students_form_leads_somewhere(path):
    for cell in cells_of(make_student.STUDENT / path.name):
        for target in make_student.LINK.findall(
            cell.source if cell.cell_type == "markdown" else ""
        ):
            assert (make_student.STUDENT / target.split("#")[0]).exists(), target


@each_lesson
def test_two_or_three_lines_are_the_students_with_a_check_below(path):
    """A hole's name is read by its own cell's check, and by nothing after it: a lesson goes on."""
    sources, count = code_of(path), 0
    for at, source in enumerate(sources):
        for left, *_ in make_student.holes(source):
            names = [name.strip() for name in left.rstrip(" =").split(",")]
            assert len(names) == 1, f"{left} …: dots cannot be unpacked, so the cell stops there"
            count += 1
            checked = [node for node in ast.walk(ast.parse(source)) if is_check(node)]
            for name in names:
                first = [getattr(call.args[1], "id", None) for call in checked]
                assert name in first, f"{name}: no check takes it, whole, as what was computed"
                after = source.split(left, 1)[1].splitlines()[1:]
                rest = [line for line in after if not line.lstrip().startswith("check(")]
                assert not read_in(name, "\n".join(rest)), f"{name} is used below its hole"
                for later in sources[at + 1 :]:
                    assert not read_first(name, later), f"{name} is used in a later cell"
    assert 2 <= count <= 3


def is_check(node):
    return isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check"


def read_in(name, source):
    return re.search(rf"(?<![\w.]){name}\b(?! =)", source) is not None


def read_first(name, source):
    """Whether a cell reads the name before it assigns it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return False
    return read_in(name, source)


@each_lesson
def test_a_prediction_has_three_options_and_every_answer_a_reply(path):
    text = "\n\n".join(cell.source for cell in cells_of(path) if cell.cell_type == "markdown")
    predictions = text.split("> **Predict.**")[1:]
    assert len(predictions) >= 2
    for each in predictions:
        question, answer = each.split("<details>")[0], ANSWER.search(each)
        assert OPTION.findall(question) == ["a", "b", "c"], question[:200]
        assert answer, f"no answer in the form of CONTRIBUTING: {question[:100]}"
        others = sorted({"a", "b", "c"} - {answer[1]})
        assert re.findall(r"^- \(([abc])\)", answer[2], re.M) == others, answer[0]


def test_no_letter_is_the_right_one_too_often():
    right = []
    for path in LESSONS:
        text = "\n\n".join(c.source for c in cells_of(path) if c.cell_type == "markdown")
        right += [found[1] for found in ANSWER.finditer(text)]
    assert len(right) > 60 and all(right.count(letter) >= len(right) / 5 for letter in "abc")


@each_lesson
def test_no_cell_is_over_150_words(path):
    """Answers and hints are folded, and do not count; nor do tables and formulas."""
    for at, cell in enumerate(cells_of(path)):
        if cell.cell_type == "markdown" and "## Test yourself" not in cell.source:
            text = re.sub(
                r"<details>.*?</details>|\$\$.*?\$\$|^\|[^\n]*$", "", cell.source, flags=re.S | re.M
            )
            assert len(text.split()) <= 150, f"cell {at}: {len(text.split())} words"


@each_lesson
def test_a_figure_is_an_output_of_its_own(path):
    """Viewers that drop HTML show the image beside it, which has its alternative text too."""
    for cell in cells_of(path):
        for output in cell.get("outputs", []):
            if "<img" in output.get("data", {}).get("text/html", ""):
                alt = output["metadata"]["image/png"]["alt"]
                assert "image/png" in output["data"] and len(alt) >= 20, cell.source
