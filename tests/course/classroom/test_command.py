"""The command `grade`: what it writes for the teacher, for each student, and back into nbgrader."""

import csv
import json
import subprocess
import sys

import nbformat
import test_hidden_laws
from test_grade import MASTER, RIGHT, ROOT, edited

from lora_np.__main__ import main
from lora_np.course.classroom import hidden_laws


def test_the_command_writes_what_a_teacher_needs(tmp_path, capsys):
    folder, out, hidden = tmp_path / "all", tmp_path / "out", tmp_path / "hidden.py"
    for name in ("amy", "dee"):
        (folder / name / "ps1").mkdir(parents=True)
    nbformat.write(MASTER, folder / "amy" / "ps1" / "01.ipynb")
    nbformat.write(edited("return x @ W + alpha * x @ A @ B"), folder / "ben.ipynb")
    nbformat.write(edited(f"if len(x) == 0:\n    return x\n{RIGHT}"), folder / "dee/ps1/01.ipynb")
    (folder / "cy.ipynb").write_text("{")
    hidden.write_text(test_hidden_laws.TEXT)
    key = hidden_laws.key_of(hidden.read_bytes())
    more = ["--hidden", str(hidden), "--key", key, "--nbgrader", str(tmp_path / "course")]
    more += ["--given", str(ROOT / "notebooks/exercises/01_worked_example.ipynb")]
    assert main(["grade", str(folder), "--out", str(out), "--jobs", "1", *more]) == 1
    screen = capsys.readouterr().out
    assert max(map(len, screen.splitlines())) <= 100
    assert "6 of 6" in screen and "1 of 6" in screen and "no JSON" in screen
    assert "1 x  1.2" in screen, "which law breaks most often"
    rows = list(csv.DictReader((out / "grades.csv").read_text(encoding="utf-8").splitlines()))
    status = {row["submission"]: [] for row in rows}
    for row in rows:
        status[row["submission"]].append(row["status"])
    assert status["ben"] == status["dee/ps1/01"] == ["right", "wrong", "not attempted"]
    assert [row["law"] for row in rows if "dee" in row["submission"]][1].startswith("hidden: ")
    numbers = json.loads((out / "grades.json").read_text())
    assert [s["points"] for s in numbers["submissions"]] == [6, 1, 0, 1]
    assert numbers["hidden laws"] == key
    assert "s = alpha/r" in (out / "feedback" / "ben.txt").read_text(encoding="utf-8")
    assert "6 of 6" in (out / "feedback" / "amy" / "ps1" / "01.txt").read_text(encoding="utf-8")
    assert "checked one by one" in (out / "explanations.txt").read_text(encoding="utf-8")
    told = [path.read_text("utf-8") for path in (out / "feedback").rglob("*") if path.is_file()]
    assert len(told) == 8 and not any("secret" in text for text in told)
    assert "hidden" not in screen.split("the laws that break")[0]
    page = (out / "grades.html").read_text("utf-8")
    assert '<th scope="row">amy/ps1/01</th>' in page and "No pair." in page
    (row, *_) = csv.DictReader((out / "nbgrader.csv").read_text().splitlines())
    assert (row["assignment"], row["student_id"]) == ("exercises", "ben")
    assert (row["score"], row["max_score"]) == ("1", "6")
    given_back = tmp_path / "course" / "feedback" / "dee" / "ps1" / "01.html"
    assert "a law breaks that only your teacher has" in given_back.read_text("utf-8")


def test_exit_status_and_feedback_for_one_learner(tmp_path, capsys):
    nbformat.write(MASTER, tmp_path / "mine.ipynb")
    assert main(["grade", str(tmp_path / "mine.ipynb")]) == 0
    assert "Exercise 1.2 (LoRA forward): right" in capsys.readouterr().out
    assert main(["grade", str(tmp_path / "none")]) == 2
    assert "expected a notebook" in capsys.readouterr().err


def test_without_hypothesis_it_says_what_to_install():
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "from lora_np.__main__ import main\nsys.exit(main(['grade', '.']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2 and 'pip install "hypothesis' in done.stderr
