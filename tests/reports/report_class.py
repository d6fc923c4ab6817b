"""A class of thirty: sheets drawn for each, hidden laws, copies, hostile answers; what is caught.

python tests/reports/report_class.py [STUDENTS]
"""

import argparse
import contextlib
import io
import itertools
import json
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parents[1] / "course"
sys.path.insert(0, str(HERE / "classroom"))

import nbformat  # noqa: E402
import test_hidden_laws  # noqa: E402
from test_grade import ANSWER, BODIES, RIGHT, edited  # noqa: E402
from test_variants import TEXT, master_of  # noqa: E402

from lora_np.__main__ import main  # noqa: E402
from lora_np.course.classroom import hidden_laws, laws_90  # noqa: E402
from lora_np.course.classroom.masters import BEGIN, END  # noqa: E402

HIDDEN_WRONG = "if len(x) == 0:\n    return x\n" + RIGHT
HOSTILE = ("exits", "recursion", "ends", "segfault", "sleeps", "endless", "forks", "memory")


def own_sheet(number, wrong):
    """The solved sheet of a number, whose exercise `wrong` is answered wrongly; None: all right."""
    notebook = master_of(number)
    for cell in notebook.cells:
        if cell.metadata["nbgrader"]["grade_id"] == f"answer-90-{wrong}":
            cell.source = wrong_answer(number, wrong, cell.source)
        cell.source = cell.source.replace(BEGIN, "").replace(END, "")
    return notebook


def wrong_answer(number, exercise, source):
    if exercise == 3:  # the layer as it was given
        return f"# Exercise 90.3\n{laws_90.broken(number).replace('broken_', 'mended_')}"
    wrong = {1: "y_by_hand = y_by_hand + 0.01", 2: "rank = rank - 1", 4: "hiding['alpha'] = 4.5"}
    return f"{source}\n{wrong[exercise]}"


def hand_in(folder, students):
    """{(student, exercise): status that is due} of notebooks written for all of them.

    One student in five has all right; the others one wrong answer of 90.1 to 90.4. In lesson 1
    every third answer is hostile, every third breaks a hidden law alone, the others are right.
    """
    due = {}
    hostile = itertools.cycle(name for name in HOSTILE if name in BODIES)
    for place, (name, number) in enumerate(students.items()):
        (folder / name).mkdir()
        wrong = place % 5 or None
        nbformat.write(own_sheet(number, wrong), folder / name / "90_own.ipynb")
        due |= {(name, f"90.{n}"): "wrong" if n == wrong else "right" for n in range(1, 5)}
        body, status = (RIGHT, "right") if place % 3 else BODIES[next(hostile)][:2]
        if place % 3 == 1:
            body, status = HIDDEN_WRONG, "wrong"
        assert ANSWER not in body
        nbformat.write(edited(body), folder / name / "01.ipynb")
        due |= {(name, "1.1"): "right", (name, "1.2"): status, (name, "1.3"): "not attempted"}
    return due


def report(count):
    students = {f"student{n:02}": str(1000 + n) for n in range(count)}
    with tempfile.TemporaryDirectory() as temporary:
        folder, rows = Path(temporary), ["name,number", *map(",".join, students.items())]
        (folder / "in").mkdir()
        (folder / "class.csv").write_text("\n".join(rows))
        (folder / "sheet.md").write_text(TEXT, encoding="utf-8")
        (folder / "hidden.py").write_text(test_hidden_laws.TEXT)
        due = hand_in(folder / "in", students)
        key = hidden_laws.key_of((folder / "hidden.py").read_bytes())
        options = ["--students", str(folder / "class.csv"), "--out", str(folder / "out")]
        options += ["--hidden", str(folder / "hidden.py"), "--key", key, "--seconds", "2"]
        began, said = time.perf_counter(), io.StringIO()
        with contextlib.redirect_stdout(said):
            main(["grade", str(folder / "in"), *options])
        took = time.perf_counter() - began
        graded = json.loads((folder / "out" / "grades.json").read_text("utf-8"))["submissions"]
        pairs = len((folder / "out" / "similar.csv").read_text("utf-8").splitlines()) - 1
        told = [f.read_text("utf-8") for f in (folder / "out" / "feedback").rglob("*.*")]
    found = {
        (s["submission"].split("/")[0], r["number"]): r["status"]
        for s in graded
        for r in s["results"]
    }
    kinds = {status: [each for each in due if due[each] == status] for status in set(due.values())}
    print(f"{len(graded)} notebooks of {count} students, {len(found)} answers: {took:.0f} s")
    for status, answers in sorted(kinds.items()):
        as_due = sum(found.get(each) == status for each in answers)
        print(f"  {status:15} {as_due:4} of {len(answers)}")
    odd = {each: (due[each], found.get(each)) for each in due if due[each] != found.get(each)}
    print(f"graded otherwise than due: {odd or 'none'}")
    print(f"feedback that tells a hidden law: {sum('secret' in text for text in told)}")
    print(f"pairs called alike: {pairs}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("students", nargs="?", type=int, default=30)
    report(parser.parse_args().students)
