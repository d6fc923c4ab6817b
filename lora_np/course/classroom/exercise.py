"""An exercise is an answer's name and a list of laws; to judge an answer is to try the laws."""

import contextlib
import copy
import importlib.util
import io
import os
import tempfile
import textwrap
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, Phase, configuration, given, settings
from hypothesis.errors import Flaky

from ...conformance.drawn import shown
from .inputs import Broken

OWN = 90  # the number of the sheet that is drawn for each student
KINDS = ("implement", "find the bug", "predict and explain", "design")
NOT_THE_STUDENTS = (str(Path(__file__).parents[2]), str(Path(os.__file__).parent))
SETTINGS = settings(
    derandomize=True, database=None, deadline=None, max_examples=20, print_blob=False,
    report_multiple_bugs=False, phases=[Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@dataclass
class Law:
    """One statement about an answer, the function that tries it, and what it is tried on."""

    statement: str
    function: Callable
    inputs: object = None  # a hypothesis strategy of dicts, or None: there is one case
    examples: int = 20
    hidden: bool = False  # the teacher's own: what it says stays out of the feedback


@dataclass
class Exercise:
    """What a student is asked for, and the laws that an answer obeys.

    `answer` is the name that the student's cell defines; `number` is "lesson.place". A grader calls
    it in a process `apart` from its laws, unless they need more than its results: its attributes,
    or what it does to an object.
    Raises: ValueError for a kind that is not one of KINDS.
    """

    number: str
    title: str
    kind: str
    answer: str
    points: int = 2
    apart: bool = True
    laws: list[Law] = field(default_factory=list)

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"exercise {self.number}: expected a kind of {KINDS}, got {self.kind}")

    def law(self, statement, inputs=None, examples=20):
        """Add the decorated `function(answer, **drawn)`: it raises Broken where the law breaks.

        Its docstring is the hint: what to look at, never the answer.
        """

        def add(function):
            self.laws.append(Law(statement, function, inputs, examples))
            return function

        return add


@dataclass
class Result:
    """How one answer fared. `status` is "right", "wrong", "not attempted", or a grader's word."""

    number: str
    title: str
    status: str
    points: float
    possible: float
    law: str = ""
    feedback: str = ""


def find(number, student=""):
    """The Exercise of this number, one of OWN's drawn for the `student` of that number.

    Raises: ValueError if there is none.
    """
    for exercise in of_lesson(int(number.split(".")[0]), student):
        if exercise.number == number:
            return exercise
    raise ValueError(f"there is no exercise {number}")


def of_lesson(lesson, student=""):
    """The list of a lesson's exercises. Raises: ValueError for a lesson that has none."""
    name = f"{__package__}.laws_{lesson:02d}"
    if importlib.util.find_spec(name) is None:
        raise ValueError(f"there are no exercises for lesson {lesson}")
    laws = importlib.import_module(name)
    return laws.drawn_for(student) if lesson == OWN else laws.EXERCISES


def check(number, answer, student=""):
    """Judge an answer and print the feedback; a drawn exercise needs the `student`'s number too.

    Under nbgrader, which looks for errors, anything but a right answer raises AssertionError.
    """
    configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "lora_np_hypothesis")
    try:
        result = judge(find(number, student), answer)  # and leaves no folder beside the notebook
    finally:
        configuration.set_hypothesis_home_dir(None)
    if os.environ.get("NBGRADER_EXECUTION") and result.status != "right":
        raise AssertionError(result.feedback)
    print(result.feedback)


def judge(exercise, answer):
    """The Result of trying the laws one after the other, up to the first that breaks."""
    head = f"Exercise {exercise.number} ({exercise.title})"
    if _blank(answer):
        return _result(exercise, "not attempted", f"{head}: not attempted yet")
    for held, law in enumerate(exercise.laws):
        problem = _try(law, answer)
        if problem is NotImplemented:
            what = f"{head}: {'a part is ' if held else ''}not attempted yet"
            return _result(exercise, "not attempted", what)
        if problem and law.hidden:
            what = f"{head}: not right yet\n  a law breaks that only your teacher has"
            hint = wrapped_hint(law)
            return _result(exercise, "wrong", "\n".join([what, *hint]), f"hidden: {law.statement}")
        if problem:
            lines = [f"{head}: not right yet", f"  the law that breaks: {law.statement}", *problem]
            lines += wrapped_hint(law)
            lines.append(f"  laws that held before this one: {held} of {len(exercise.laws)}")
            return _result(exercise, "wrong", "\n".join(lines), law.statement)
    laws = "its law holds" if len(exercise.laws) == 1 else f"all {len(exercise.laws)} laws hold"
    return _result(exercise, "right", f"{head}: right, {laws} (points: {exercise.points})")


def wrapped_hint(law):
    hint = " ".join((law.function.__doc__ or "nothing more is told").split())
    return textwrap.wrap(f"a hint: {hint}", 76, initial_indent="  ", subsequent_indent="    ")


def _result(exercise, status, feedback, law=""):
    feedback = "".join(c if c.isprintable() or c == "\n" else "?" for c in feedback)
    points = exercise.points if status == "right" else 0
    return Result(exercise.number, exercise.title, status, points, exercise.points, law, feedback)


def _blank(answer):
    if isinstance(answer, (tuple, list)) and answer:
        return all(map(_blank, answer))
    return answer is None or answer is ...


def _try(law, answer):
    """Lines that say how the law breaks, NotImplemented for a hole, or None where it holds."""
    drawn, said = {}, Capped()

    def trial(inputs):
        drawn.clear()
        drawn.update(inputs)
        said.forget()
        given_out = copy.deepcopy(inputs)
        with contextlib.redirect_stdout(said), warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            law.function(answer, **given_out)
        for name, value in inputs.items():
            if isinstance(value, np.ndarray) and not np.array_equal(value, given_out[name]):
                raise Broken(f"your code wrote into its input {name}")

    try:
        if law.inputs is None:
            trial({})
        else:
            settings(SETTINGS, max_examples=law.examples)(given(law.inputs)(trial))()
        return None
    except NotImplementedError:
        return NotImplemented
    except Broken as broken:
        problem = [f"  {line}" for line in str(broken).splitlines()]
    except Flaky:
        problem = ["  the same input gave different results: chance, or something kept in between"]
    except (Exception, SystemExit) as error:
        problem = told(error)
    if drawn:
        problem += ["  the smallest input found:", *(f"    {line}" for line in shown(drawn))]
    if said.getvalue():
        problem += ["  printed there:", *(f"    {line}" for line in said.getvalue().splitlines())]
    return problem


def told(error):
    """Which error, and the last line of the student's own code that led to it."""
    if hasattr(error, "told"):  # where it was raised: see apart.py
        return error.told
    lines = [f"  your code raised {type(error).__name__}: {str(error)[:300]}"]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith(NOT_THE_STUDENTS) and "packages" not in frame.filename:
            if frame.line:
                lines.append(f"    in the line: {frame.line[:200]}")
            break
    return lines


class Capped(io.StringIO):
    """Keeps the first 500 characters written, so that printing megabytes is harmless."""

    LIMIT = 500

    def write(self, text):
        super().write(text[: max(0, self.LIMIT - self.tell())])
        return len(text)

    def forget(self):
        self.seek(0)
        self.truncate()
