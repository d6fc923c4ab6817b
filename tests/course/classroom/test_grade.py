"""Thirty submissions, many of them hostile to their own grading: each is graded or told why not."""

import copy
import json
import sys
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lora_np.course.classroom.grade import Limits, grade, wanted
from lora_np.course.classroom.handed_in import Submission
from lora_np.course.classroom.masters import read, stamp

pytestmark = pytest.mark.long
ROOT = Path(__file__).parents[3]
MASTER = stamp(read(ROOT / "notebooks/solutions/01_worked_example.ipynb"))
STUDENT = read(ROOT / "notebooks/exercises/01_worked_example.ipynb")
ANSWER = 'raise NotImplementedError("Exercise 1.2: write this part")'
RIGHT = "return x @ W + alpha / A.shape[1] * x @ A @ B"


def edited(code, notebook=STUDENT):
    """The student's notebook with `code` as the body of lora_forward."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if ANSWER in cell.source:
            cell.source = cell.source.replace(ANSWER, code.replace("\n", "\n    "))
        if cell.source.startswith("# Exercise 1.1"):
            cell.source = "y_by_hand = [-1.0, 1.5]"
    return notebook


def without_ids(notebook):
    """As after a front end that drops all metadata, and a student who adds a cell of their own."""
    for cell in notebook.cells:
        cell.metadata = {}
        cell.source = cell.source.replace("y_by_hand = [", "# Exercise 1.1\ny_by_hand = [")
        if cell.source.startswith("# Exercise 1.2"):
            place = notebook.cells.index(cell)
            cell.source = cell.source.replace("alpha / A.shape[1]", "scale(A, alpha)")
    helper = "%matplotlib inline\ndef scale(A, alpha):\n    return alpha / A.shape[1]"
    notebook.cells.insert(place, nbformat.v4.new_code_cell(helper))
    return notebook


def lacking_its_cell(notebook):
    notebook.cells = [c for c in notebook.cells if not c.source.startswith("# Exercise 1.2")]
    return notebook


# Where lora_forward's body is this: the status of exercise 1.2, and a piece of its feedback.
BODIES = {
    "right": (RIGHT, "right", "all 3 laws hold"),
    "blank": (ANSWER, "not attempted", "not attempted yet"),
    "alpha alone": ("return x @ W + alpha * x @ A @ B", "wrong", "s = alpha/r"),
    "no return": ("x @ W", "wrong", "is there a `return`"),
    "wrong shape": ("return (x @ W).T", "wrong", "expected (1, 2)"),
    "text": ("return 'xW'", "wrong", "your shape is ()"),
    "not finite": ("return x @ W / 0.0", "wrong", "not all finite"),
    "writes into x": ("x += 1\n" + RIGHT, "wrong", "wrote into its input x"),
    "raises": ("return x @ undefined", "wrong", "in the line: return x @ undefined"),
    "raises deep": ("import lora_np.nn as nn\nnn.Linear(1)", "wrong", "line: nn.Linear(1)"),
    "exits": ("import sys\nsys.exit()", "wrong", "SystemExit"),
    "recursion": ("return lora_forward(x, W, A, B, alpha)", "wrong", "RecursionError"),
    "asks": ("return float(input('y?'))", "wrong", "EOFError"),
    "chance": ("return np.random.default_rng().random((*x.shape[:-1], W.shape[1]))", "wrong", ""),
    "imports": ("import no_such_package", "wrong", "no_such_package"),
    "one thread": (
        "from threadpoolctl import threadpool_info\n"
        "assert all(each['num_threads'] == 1 for each in threadpool_info())\n" + RIGHT,
        "right",
        "",
    ),
    "endless": ("while True: pass", "time out", "stopped after 2 s"),
    "endless print": ("while True: print('x' * 10_000)", "time out", "stopped after 2 s"),
    "sleeps": ("import time\ntime.sleep(10_000)", "time out", "stopped after 2 s"),
    "ends": ("import os\nos._exit(3)", "crashed", "exit status 3"),
    "forks": ("import os\nos.fork() or os.read(os.pipe()[0], 1)\nos._exit(3)", "crashed", "(exit"),
    "segfault": ("import ctypes\nctypes.string_at(0)", "crashed", "ended the whole process"),
    "megabytes": (f"print('spam ' * 100_000)\n{RIGHT}", "right", ""),
    "escapes": ("print('\\x1b[2J')\nreturn x @ W", "wrong", "?[2J"),
    "megabytes, wrong": ("print('spam ' * 100_000)\nreturn x @ W", "wrong", "printed there"),
    "deletes": ("import os\n[os.remove(f) for f in os.listdir()]\n" + RIGHT, "right", ""),
    "memory": ("return np.ones(10**12) * x", "wrong", "MemoryError"),
    "fills the disk": ("open('big', 'wb').write(b'0' * 60_000_000)\n" + RIGHT, "wrong", "OSError"),
    "leaves a child": (
        "import os, subprocess\nif not os.path.exists('once'):\n    open('once', 'w').close()\n"
        "    subprocess.Popen(['sleep', '1000'])\n" + RIGHT,
        "right",
        "",
    ),
}
POSIX_ONLY = ("memory", "fills the disk", "leaves a child", "forks")

if sys.platform == "win32":
    BODIES = {name: body for name, body in BODIES.items() if name not in POSIX_ONLY}
# Files that are odd as notebooks: what they hold, and what their 1.2 is, or what is told.
FILES = {
    "no json": ("{", "not a notebook: the file is no JSON"),
    "empty": ("", "not a notebook: the file is no JSON"),
    "no cells": ('{"nbformat": 4}', "not a notebook"),
    "a list": ("[1, 2]", "not a notebook"),
    "deep": ("[" * 100_000, "not a notebook"),
    "other": (nbformat.writes(nbformat.v4.new_notebook()), "no exercise found"),
}


@pytest.fixture(scope="module")
def submitted(tmp_path_factory):
    """Two folders: answers that end, however slow the machine is, and answers that never do."""
    ending, endless = (tmp_path_factory.mktemp(name) for name in ("ending", "endless"))
    for name, (code, status, _) in BODIES.items():
        folder = (endless if status == "time out" else ending) / name
        folder.mkdir()
        (folder / "data.txt").write_text("precious")
        nbformat.write(edited(code), folder / "01.ipynb")
    for name, (text, _) in FILES.items():
        (ending / f"{name}.ipynb").write_text(text)
    return ending, endless


@pytest.fixture(scope="module")
def graded(submitted, tmp_path_factory):
    def contents():
        paths = [path for folder in submitted for path in folder.rglob("*") if path.is_file()]
        return {path: path.read_bytes() for path in paths}

    before, (ending, endless) = contents(), submitted
    found = grade([ending], Limits(seconds=3600)) + grade([endless], Limits(seconds=2))
    assert contents() == before
    return {submission.name.removesuffix("/01"): submission for submission in found}


def test_there_are_thirty(graded):
    assert len(graded) == len(BODIES) + len(FILES) >= (27 if sys.platform == "win32" else 30)


@pytest.mark.parametrize("name", BODIES)
def test_one_answer_does_not_stop_the_others(graded, name):
    _, status, feedback = BODIES[name]
    first, second, third = graded[name].results
    assert second.status == status and feedback in second.feedback, second.feedback
    assert second.points == (2 if status == "right" else 0)
    assert len(second.feedback) < 2500
    assert (first.status, third.status) == ("right", "not attempted")
    assert graded[name].points == 1 + second.points and graded[name].possible == 6


@pytest.mark.parametrize("name", FILES)
def test_what_is_no_submission_is_told(graded, name):
    assert FILES[name][1] in graded[name].problem and not graded[name].results


@given(st.data())
@settings(max_examples=60)
def test_an_odd_notebook_is_read_or_told(tmp_path_factory, data):
    """Anywhere in the file, something else stands than should."""
    notebook = json.loads(nbformat.writes(STUDENT))
    part = notebook
    while True:
        keys = sorted(part) if isinstance(part, dict) else range(len(part))
        key = data.draw(st.sampled_from(list(keys)))
        if not isinstance(part[key], (dict, list)) or not part[key] or data.draw(st.booleans()):
            break
        part = part[key]
    part[key] = data.draw(st.sampled_from([None, "", "x", -1, 2.5, [], {}, [0], {"nbgrader": 1}]))
    path = tmp_path_factory.mktemp("odd") / "a.ipynb"
    path.write_text(json.dumps(notebook))
    submission = Submission("a", path)
    assert wanted(submission) or submission.problem


def test_two_of_one_name_are_refused(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        nbformat.write(STUDENT, tmp_path / name / "01.ipynb")
    with pytest.raises(ValueError, match="2 submissions are called 01: give the folder above"):
        grade([tmp_path / "a", tmp_path / "b"])


def test_cells_are_found_without_metadata_and_with_extra_cells(tmp_path):
    nbformat.write(without_ids(edited(RIGHT)), tmp_path / "a.ipynb")
    nbformat.write(lacking_its_cell(edited(RIGHT)), tmp_path / "b.ipynb")
    whole, lacking = grade([tmp_path])
    assert [r.status for r in whole.results] == ["right", "right", "not attempted"]
    assert [r.status for r in lacking.results] == ["right", "no answer", "not attempted"]
    assert "its cell is missing" in lacking.results[1].feedback


def test_a_check_cell_decides_nothing(tmp_path):
    notebook = edited("return x @ W")
    for cell in notebook.cells:
        cell.source = cell.source.replace('check("1.2", lora_forward)', "print('right')")
    nbformat.write(notebook, tmp_path / "a.ipynb")
    (cheat,) = grade([tmp_path / "a.ipynb"])
    assert [r.status for r in cheat.results] == ["right", "wrong", "not attempted"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="cut off on Linux only")
def test_no_network(tmp_path):
    reach = (
        "import socket, threading\nserver = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), timeout=2)\n" + RIGHT
    )
    nbformat.write(edited(reach), tmp_path / "a.ipynb")
    (submission,) = grade([tmp_path])
    if not submission.offline:
        pytest.skip("this machine lets no process leave its network")
    assert "OSError" in submission.results[1].feedback, submission.results[1].feedback
