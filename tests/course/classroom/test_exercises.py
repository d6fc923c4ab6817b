"""Every solution is right, every stub not attempted, and every wrong answer breaks its law."""

import importlib
import re
import sys
from pathlib import Path

import nbformat
import numpy as np
import other_answers
import pytest

from lora_np.course.classroom import exercise, find, judge, laws_testing
from lora_np.course.classroom.masters import read, solution_of, stamp, student

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402
import make_exercises  # noqa: E402

MASTERS = make_exercises.masters()
LESSONS = [int(path.name[:2]) for path in MASTERS]
EDITS = [
    edit
    for lesson in LESSONS
    for edit in importlib.import_module(f"wrong_answers.wrong_{lesson:02d}").EDITS
]
NUMBERS = [e.number for lesson in LESSONS for e in exercise.of_lesson(lesson)]


def master_of(number):
    return stamp(read(MASTERS[LESSONS.index(int(number.split(".")[0]))]))


def judged(number, source):
    """The Result of an answer's cell, with the given cells of its lesson before it."""
    names = {"np": np}
    for cell in master_of(number).cells:
        grade_id = cell.metadata["nbgrader"]["grade_id"]
        if re.fullmatch(rf"given-({number.replace('.', '-')}-)?\d+", grade_id):
            exec(cell.source, names)
    exec(source, names)
    return judge(find(number), names[find(number).answer])


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_what_is_committed_is_what_is_made(path):
    for target, text in make_exercises.made(path).items():
        kept = nbformat.read(target, as_version=4)
        for cell in kept.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        assert nbformat.writes(kept) + "\n" == text, "run notebooks/tools/make_exercises.py"


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_a_master_is_kept_as_it_ran_with_every_check_right(path):
    code = [cell for cell in read(path).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    said = {cell.source: cell.outputs for cell in code if cell.source.startswith("check(")}
    assert len(said) == len(exercise.of_lesson(int(path.name[:2])))
    for source, outputs in said.items():
        assert "): right, " in outputs[0].text, source


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_a_students_version_is_kept_not_run(path):
    for cell in read(ROOT / "notebooks" / "exercises" / path.name).cells:
        assert not cell.get("outputs") and cell.get("execution_count") is None


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_a_notebook_holds_its_lessons_exercises(path):
    text = "\n".join(cell.source for cell in student(stamp(read(path))).cells)
    exercises = exercise.of_lesson(int(path.name[:2]))
    assert re.findall(r'^check\("([\d.]+)", (\w+)\)$', text, re.M) == [
        (e.number, e.answer) for e in exercises
    ]
    for each in exercises:
        pattern = rf"^## Exercise {each.number} · {re.escape(each.title)}$.*?^check"
        prompt = re.search(pattern, text, re.M | re.S)
        assert prompt, f"{each.number}: the heading has the title of its laws"
        for step in ("Hint 1: a nudge", "Hint 2: the formula", "Hint 3: the shapes"):
            assert prompt[0].count(f"<details><summary>{step}</summary>") == 1, each.number
        assert f"*{each.kind.capitalize()}, {each.points} point" in prompt[0], each.number
        explained = "*Write your explanation here.*" in prompt[0]
        assert explained == (each.kind == "predict and explain"), each.number
    assert "SOLUTION" not in text


@pytest.mark.parametrize(("mark", "role"), [("check(", "check"), ("# Exercise 1.1", "answer")])
def test_a_master_without_an_exercises_cell_is_refused(mark, role):
    master = read(MASTERS[0])
    (cell, *_) = (cell for cell in master.cells if cell.source.startswith(mark))
    master.cells.remove(cell)
    with pytest.raises(ValueError, match=f"1.1: expected one cell that is its {role}, found 0"):
        stamp(master)


def test_the_layers_that_a_students_laws_are_tried_on_are_the_same_every_time():
    for one, other in zip(laws_testing.cases(), laws_testing.cases(), strict=True):
        assert all(np.array_equal(one[name], other[name]) for name in one | other)


@pytest.mark.parametrize("path", MASTERS, ids=lambda path: path.stem)
def test_unedited_it_runs_and_says_what_is_to_do(path, capsys):
    names = {}
    for cell in student(stamp(read(path))).cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Exercise")]
    assert len(lines) == len(exercise.of_lesson(int(path.name[:2])))
    assert all(line.endswith("not attempted yet") for line in lines)


@pytest.mark.long
@pytest.mark.filterwarnings("default")  # nbclient's own; the kernel's reach stderr and fail
def test_unedited_it_runs_in_a_kernel_and_leaves_no_file(tmp_path):
    path = tmp_path / MASTERS[0].name
    path.write_bytes((ROOT / "notebooks/exercises" / path.name).read_bytes())
    told = [
        output["text"]
        for cell in execute.execute(path, tmp_path).cells
        for output in cell.get("outputs", [])
    ]
    assert len(told) == 3 and all("not attempted yet" in text for text in told)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.long
@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_is_right(number):
    result = judged(number, solution_of(master_of(number), number))
    assert (result.status, result.points) == ("right", find(number).points), result.feedback


@pytest.mark.long
@pytest.mark.parametrize("number", other_answers.ANSWERS)
def test_another_right_answer_is_right(number):
    for source in other_answers.ANSWERS[number]:
        result = judged(number, source)
        assert result.status == "right", result.feedback


@pytest.mark.parametrize("number", NUMBERS)
def test_laws_have_hints_and_two_wrong_answers(number):
    assert all(law.function.__doc__ for law in find(number).laws)
    assert sum(edit.exercise == number for edit in EDITS) >= 2


@pytest.mark.long
@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: f"{edit.exercise} {edit.mistake}")
def test_a_wrong_answer_breaks_its_law(edit):
    result = judged(edit.exercise, edit.apply(solution_of(master_of(edit.exercise), edit.exercise)))
    assert result.status == "wrong" and result.points == 0
    assert edit.law in result.law, result.feedback
    assert f"the law that breaks: {result.law}" in result.feedback
