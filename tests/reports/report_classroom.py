"""The exercises by lesson and kind, wrong answers caught, and the seconds that grading takes.

python tests/reports/report_classroom.py
"""

import argparse
import collections
import contextlib
import io
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parents[1] / "course"
sys.path.insert(0, str(HERE / "classroom"))

from test_exercises import EDITS, MASTERS, NUMBERS, judged, master_of, solution_of  # noqa: E402

from lora_np.course.classroom import find  # noqa: E402
from lora_np.course.classroom.exercise import KINDS  # noqa: E402


def exercises():
    lessons = collections.defaultdict(collections.Counter)
    for number in NUMBERS:
        lessons[int(number.split(".")[0])][find(number).kind] += 1
    print(f"{'lesson':8}" + "".join(f"{kind:>21}" for kind in KINDS) + f"{'all':>5}")
    for lesson, kinds in [*lessons.items(), ("all", sum(lessons.values(), collections.Counter()))]:
        row = "".join(f"{kinds[kind] or '':>21}" for kind in KINDS)
        print(f"{lesson!s:8}{row}{kinds.total():>5}")


def wrong_answers():
    """How many break the very law that they should."""
    caught = 0
    for edit in EDITS:
        source = solution_of(master_of(edit.exercise), edit.exercise)
        with contextlib.redirect_stdout(io.StringIO()):  # what given cells print
            result = judged(edit.exercise, edit.apply(source))
        caught += result.status == "wrong" and edit.law in result.law
    print(f"\nwrong answers caught: {caught} of {len(EDITS)}")


def seconds():
    """Grade one master, and thirty submissions made of them all in turn, by the command."""
    command = [sys.executable, "-m", "lora_np", "grade", "--json"]
    with tempfile.TemporaryDirectory() as folder:
        for i in range(30):
            (Path(folder) / str(i)).mkdir()
            shutil.copy(MASTERS[i % len(MASTERS)], Path(folder) / str(i))
        for what, path in {"one": MASTERS[0], "thirty": folder}.items():
            start = time.perf_counter()
            done = subprocess.run([*command, str(path)], capture_output=True, check=True)
            took = time.perf_counter() - start
            answers = sum(len(s["results"]) for s in json.loads(done.stdout)["submissions"])
            print(f"grading {what}: {took:.1f} s, {answers} answers")


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    exercises()
    wrong_answers()
    seconds()
