"""Predictions: kept in a student's file, collected, and shown with their text and table."""

import json
import sys
from pathlib import Path

import nbformat
import pytest

from lora_np.__main__ import main
from lora_np.course import predictions
from lora_np.course.notebook import predict

ROOT = Path(__file__).parents[2]


def test_a_letter_is_kept_and_anything_else_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    predict("5.1", ...)
    predict("5.1", "d")
    assert not list(tmp_path.iterdir()), "nothing is kept before anything is predicted"
    predict("5.1", "a")
    predict("10b.2", "c")
    predict("5.1", "b")
    assert json.loads(Path(predictions.FILE).read_text()) == {"5.1": "b", "10b.2": "c"}
    said = capsys.readouterr().out
    assert "in place of the dots" in said and "got 'd'" in said and "you predict (b)" in said


def test_where_nothing_can_be_kept_the_lesson_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path(predictions.FILE).mkdir()  # as a folder that cannot be written to
    predict("5.1", "a")
    assert "you predict (a); it is not kept" in capsys.readouterr().out


def hand_in(folder):
    """Two files, two lessons, one file that is odd, and two that are none."""
    for name, text in {
        "amy/predictions.json": '{"5.1": "b", "5.2": "a"}',
        "ben.json": '{"5.1": "a", "5.2": "z", "<b>": "a", "10b.1": "c", "9.1": ["a"]}',
        "dee/predictions.json": "[1",
        "dee/notes.txt": "",
        "__MACOSX/x.json": "{}",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    cells = ['predict("5.1", "b")  # quoted', "predict(1)\npredict(", 'predict("5.2", ...)']
    lesson = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells[::2]])
    (folder / "cy").mkdir()
    nbformat.write(lesson, folder / "cy" / "05_nf4.ipynb")
    lesson.cells.append(nbformat.v4.new_code_cell(cells[1]))
    nbformat.write(lesson, folder / "eve.ipynb")
    return folder


def test_one_command_makes_the_histogram(tmp_path, capsys):
    folder, out = hand_in(tmp_path / "in"), tmp_path / "out"
    lessons = ["--lessons", str(ROOT / "notebooks")]
    assert not main(["predictions", str(folder), "--out", str(out), *lessons])
    said = capsys.readouterr().out
    assert "4 students" in said and "predictions.json: expected predictions.json or" in said
    ben = "ben.json: 3 not counted, first question '5.2' with 'z'; expected a, b or c"
    assert ben in said and said.count("not counted") == 1, "dots are no wrong answer"
    rows = [line.split(",") for line in (out / "predictions.csv").read_text().splitlines()]
    assert [row[0] for row in rows] == ["question", "5.1", "5.2", "10b.1"]
    assert rows[1][-3:] == ["1", "3", "0"] and rows[2][-3:] == ["1", "0", "0"]
    page = (out / "predictions.html").read_text("utf-8")
    assert "question 5.1: 1 chose (a), 3 chose (b), 0 chose (c); (" in page, "the figure's text"
    assert page.count("<img") == 2 and '<tr><th scope="row">5.1</th><td>1</td><td>3</td>' in page


def test_a_folder_without_lessons_is_refused(tmp_path, monkeypatch, capsys):
    """Or the column of what is right would be empty, and nobody would know why."""
    folder, out = hand_in(tmp_path / "in"), tmp_path / "out"
    monkeypatch.chdir(tmp_path)
    assert main(["predictions", str(folder), "--out", str(out)]) == 2
    assert "--lessons notebooks: there are no lessons here; the" in capsys.readouterr().err
    assert not out.exists()


def test_each_box_of_the_lessons_has_its_number_and_its_answer():
    known = predictions.questions(ROOT / "notebooks")
    sys.path.insert(0, str(ROOT / "notebooks" / "tools"))
    import make_student

    asked = []
    for path in sorted(make_student.STUDENT.glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["id"].startswith("keep-"):
                lines = "".join(cell["source"]).splitlines()
                asked += [line.split('"')[1] for line in lines if line.startswith("predict(")]
    assert sorted(asked) == sorted(known) and len(known) > 60
    assert all(predictions.valid(question, letter) for question, (_, letter) in known.items())


def test_a_folder_without_any_is_told(tmp_path):
    with pytest.raises(ValueError, match="there is no predictions.json"):
        predictions.collected(tmp_path)
