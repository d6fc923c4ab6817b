"""A sheet is drawn by a student's number: the same each time, another for another number."""

import nbformat
import numpy as np
import pytest
from test_exercises import ROOT

from lora_np.course.classroom import find, judge, laws_90
from lora_np.course.classroom.masters import answers, solution_of, student
from lora_np.course.classroom.variants import class_list, sheet, whose

TEXT = (ROOT / "notebooks/teacher/own_sheet.md").read_text("utf-8")
NUMBERS = ["1", "2", "4711"]
HAVING = {laws_90.mistake_of(str(n)): str(n) for n in range(40)}


def master_of(number):
    return sheet(TEXT, number, laws_90.values(number))


def answer_to(exercise, number):
    """What the sheet's solution of one exercise gives, in its own cells."""
    names, master = {}, master_of(number)
    for cell in (*answers(master)[exercise][0], solution_of(master, exercise)):
        exec(cell, names)
    return names[find(exercise, number).answer]


def test_a_number_draws_the_same_on_every_machine():
    """And for ever: a sheet that was handed out is graded by a later version."""
    assert laws_90.in_words("4711") == {
        "mistake": "s is r/alpha", "rank": 20,
        "hiding": "{'rows': 3, 'in': 3, 'out': 3, 'r': 2, 'alpha': 2.0, 'B': 'random'}",
    }  # fmt: skip
    assert laws_90.memory_of("4711") == (256, 512, 190_884)
    assert laws_90.memory_of("1") == (256, 768, 388_068)
    drawn = {name: np.asarray(part).tolist() for name, part in laws_90.layer_of("4711").items()}
    assert drawn == {
        "x": [0.1, 0.1], "W": [[0.8, 0.2], [-0.6, -0.9]], "A": [[-0.4, -0.8], [0.3, -0.9]],
        "B": [[-0.2, -0.1], [0.1, -0.6]], "alpha": 1.0,
    }  # fmt: skip
    assert set(HAVING) == set(laws_90.MISTAKES), "every mistake is drawn for somebody"


@pytest.mark.parametrize("number", NUMBERS)
def test_the_solution_of_a_sheet_is_right_and_its_stub_not_attempted(number):
    for exercise in ("90.1", "90.2", "90.3", "90.4"):
        result = judge(find(exercise, number), answer_to(exercise, number))
        assert result.status == "right", result.feedback
    text = nbformat.writes(student(master_of(number)))
    assert "SOLUTION" not in text and "<<" not in text
    assert text.count("put your answer in place of the dots") == 3
    assert laws_90.mistake_of(number) not in text, "which mistake it is, is not told"


def test_a_neighbours_answers_are_wrong():
    """But for exercise 90.3, whose mended layer is everybody's."""
    for exercise in ("90.1", "90.2"):
        assert judge(find(exercise, "1"), answer_to(exercise, "2")).status == "wrong"
    hiding = {number: laws_90.solved(number) for number in HAVING.values()}
    one, other = HAVING["s is alpha alone"], HAVING["dx without the adapter"]
    result = judge(find("90.4", one), hiding[other])
    assert result.status == "wrong", result.feedback


@pytest.mark.parametrize("mistake", laws_90.MISTAKES)
def test_each_mistake_breaks_a_law_is_seen_in_its_case_and_can_be_hidden(mistake):
    number, names = HAVING[mistake], {}
    exec(laws_90.broken(number), names)
    result = judge(find("90.3", number), names["broken_lora"])
    assert result.status == "wrong"
    reference = laws_90.case_of(number)
    seen = judge(find("90.4", number), {**reference, "alpha": 4.5})
    assert "the mistake is still seen" in seen.feedback, seen.feedback
    solved = laws_90.solved(number)
    assert sum(solved[name] != reference[name] for name in reference) == 1


def test_without_a_number_nothing_is_drawn():
    with pytest.raises(ValueError, match="drawn by a student's number"):
        find("90.1")
    with pytest.raises(ValueError, match="nothing is drawn for <<y>>"):
        sheet("<<y>> and <<x>>", "1", {"x": ""})


def test_a_name_is_found_however_a_system_writes_its_umlauts(tmp_path):
    """macOS takes ü apart, in the names of files and in zip files that it makes."""
    apart, whole = "Ju\u0308rgen", "J\u00fcrgen"
    for listed, handed_in in ((apart, whole), (whole, apart)):
        (tmp_path / "list.csv").write_text(f"name,number\n{listed},7\nben,3\n", encoding="utf-8")
        students = class_list(tmp_path / "list.csv")
        assert whose(f"{handed_in}_17_file/90_own", {}, students) == ("7", "")


def test_whose_it_is():
    students = {"amy": "1", "amy_b": "2", "ben": "3"}
    drawn = nbformat.v4.new_notebook(metadata={"lora_np_student": "1"})
    assert whose("amy_17_file/90_own", drawn, students) == ("1", "")
    assert whose("amy_b_17_file/90_own", {}, students) == ("2", "")
    assert whose("ben/amy_b_17_file", {}, students) == ("2", ""), "the longest, in any part"
    assert whose("ben", drawn, students) == ("3", "this sheet was drawn for 1, not for 3")
    assert whose("anybody", drawn, None) == ("1", "")
    for name, notebook, known in (("dee", drawn, students), ("dee", {}, None)):
        with pytest.raises(ValueError, match="class list"):
            whose(name, notebook, known)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name;number\na;1", "expected the columns name and number"),
        ("name,number\na,1\na,2", "the name a stands there twice"),
        ("name,number\nAmy,1\namy,2", "the name amy stands there twice"),
        ("name,number\na,1\nb,1", "the number 1 stands there twice"),
        ("name,number\n../a,1", "as that of a file"),
        ("name,number\n", "found none"),
    ],
)
def test_a_class_list_that_is_none_is_told(tmp_path, text, told):
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ValueError, match=told):
        class_list(tmp_path / "list.csv")
