"""What students hand in, in all its forms: graded, or named with what is wrong."""

import json

import nbformat
import pytest
from test_grade import MASTER, RIGHT, STUDENT, edited

from lora_np.course.classroom.grade import explained, grade
from lora_np.course.classroom.handed_in import submissions
from lora_np.course.classroom.masters import answers, read

NOTEBOOK = nbformat.writes(STUDENT)
FILES = {  # what a teacher's folder holds, and what is told of it; None: nothing at all
    "amy.ipynb": "",
    "ben/01.ipynb": "",
    "ben/data/table.csv": None,
    "ben/helper.py": None,
    "ben/._01.ipynb": None,
    "cy/answers.py": ("cy", "no notebook in this folder: there is answers.py"),
    "dee/": ("dee", "no notebook in this folder: it is empty"),
    "eve.py": ("eve.py", "expected .ipynb"),
    "flo.ipynb.txt": ("flo.ipynb.txt", "expected .ipynb"),
    "roster.csv": None,
    "gus/02/": ("gus/02", "it is empty"),
    "gus/01/a.ipynb": "",
    "hal/deep/deeper/": ("hal", "it is empty"),
    "__MACOSX/amy/._01.ipynb": None,
    "__MACOSX/._amy.ipynb": None,
    ".ipynb_checkpoints/amy-checkpoint.ipynb": None,
}


def test_who_handed_in_no_notebook_is_named_and_what_archives_make_is_not(tmp_path):
    for name in FILES:
        path = tmp_path / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text(NOTEBOOK if name.endswith(".ipynb") else "x = 1")
    found = {submission.name: submission.problem for submission in submissions(tmp_path)}
    graded = [name.removesuffix(".ipynb") for name, told in FILES.items() if told == ""]
    told = dict(entry for entry in FILES.values() if entry)
    assert sorted(found) == sorted([*graded, *told])
    for name, problem in found.items():
        assert told.get(name, "") in problem and bool(problem) == (name in told), (name, problem)


def test_a_right_answer_is_right_however_its_lines_are_broken(tmp_path):
    broken = "s = (alpha\n% 1e9\n/ A.shape[1])\nreturn (x @ W + s *\n x @ A @ B)"
    notebook = edited(broken)
    for cell in notebook.cells:
        cell.source = cell.source.replace(
            "def lora_forward", "%matplotlib inline\ndef lora_forward"
        )
    nbformat.write(notebook, tmp_path / "a.ipynb")
    (submission,) = grade([tmp_path])
    assert submission.results[1].status == "right", submission.results[1].feedback


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("files = !ls\n" + RIGHT, "only a notebook understands this: files = !ls"),
        ("np.dot?\n" + RIGHT, "only a notebook understands this: np.dot?"),
        ("get_ipython().system('ls')\n" + RIGHT, "get_ipython() is there in a notebook only"),
    ],
)
def test_what_only_a_notebook_understands_is_told(tmp_path, code, told):
    nbformat.write(edited(code), tmp_path / "a.ipynb")
    (submission,) = grade([tmp_path])
    assert submission.results[1].status in ("no answer", "wrong")
    assert told in submission.results[1].feedback


def test_an_answer_and_its_check_in_one_cell_is_an_answer():
    notebook = edited(RIGHT)
    for cell in notebook.cells:
        if "def lora_forward" in cell.source:
            cell.source += '\n\ncheck("1.2", lora_forward)'
    assert any(RIGHT in cell for cell in answers(notebook)["1.2"][0])


@pytest.mark.parametrize("blank", ["", " \n", "*Write your explanation here.*", "YOUR ANSWER HERE"])
def test_what_was_left_blank_explains_nothing(blank):
    assert not explained(blank) and not explained(f"\n{blank} ")
    assert explained(f"{blank} It follows from 1.1.")


def test_an_explanation_that_quotes_a_heading_stays_where_it_is():
    notebook = edited(RIGHT, MASTER)
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and cell.id.startswith("explanation-1-1"):
            cell.source = "As in\n\n## Exercise 1.3\n\nthe sums."
    assert "the sums." in answers(notebook)["1.1"][1]


def of_version(minor, ids):
    notebook = json.loads(NOTEBOOK)
    notebook["nbformat_minor"] = minor
    for cell in notebook["cells"]:
        if not ids:
            del cell["id"]
    return notebook


def with_odd_output(notebook):
    """What a front end wrote wrong where grading does not look."""
    code = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    code["outputs"] = [{"output_type": "display_data", "data": {}}]
    return notebook


@pytest.mark.parametrize(
    "notebook",
    [
        of_version(4, ids=True),
        of_version(4, ids=False),
        of_version(5, ids=False),
        of_version(0, ids=True),
        with_odd_output(of_version(5, ids=True)),
    ],
    ids=["4 with ids", "4", "5 without ids", "0 with ids", "odd output"],
)
def test_what_nbformat_reads_is_read(tmp_path, notebook, capfd):
    path = tmp_path / "a.ipynb"
    path.write_text("\ufeff" + json.dumps(notebook), encoding="utf-8")
    assert answers(read(path)) == answers(STUDENT)
    assert not capfd.readouterr().err
