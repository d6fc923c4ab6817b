"""An answer is judged where it cannot reach its judge, and as it would be in the notebook."""

import copy
import textwrap
import threading
from multiprocessing import Pipe

import nbformat
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from test_exercises import MASTERS, NUMBERS

from lora_np.course.classroom import apart, find
from lora_np.course.classroom.grade import grade
from lora_np.course.classroom.masters import read, stamp

# What an answer may try in its own process: all of it is out of the judge's reach.
PATCHES = """
import gc, sys, numpy as np
def nothing(*args, **kwargs): return None
for module in [m for name, m in sys.modules.items() if "classroom" in name]:
    for name in ("same", "expect", "parts", "judge", "trial", "_try"):
        if hasattr(module, name):
            setattr(module, name, nothing)
    for exercise in getattr(module, "EXERCISES", []):
        exercise.laws.clear()
        exercise.points = 99
"""
REACHES = """
for law in [o for o in gc.get_objects() if type(o).__name__ in ("Law", "Exercise")]:
    law.__dict__.update(function=nothing, laws=[], points=99)
import lora_np.course.classroom.laws_01, lora_np.course.classroom.inputs as inputs
inputs.same = lora_np.course.classroom.laws_01.same = nothing
np.abs = lambda x: np.zeros(np.shape(x))
np.array_equal = lambda *args: True
"""
WRONG_FORWARD = "def lora_forward(x, W, A, B, alpha):\n"
WHEN_CALLED = textwrap.indent(PATCHES + REACHES, "    ")
WRONG_LINEAR = """
class MendedLinear:
    def __init__(self, W): self.W, self.dW = W, 0 * W
    def forward(self, x): return 7.0, None
    def backward(self, dy, cache): return 7.0
"""


def with_answer(number, code):
    """The master with `code` in place of one exercise's answer."""
    notebook = copy.deepcopy(stamp(read(MASTERS[int(number.split(".")[0]) - 1])))
    for cell in notebook.cells:
        if cell.metadata["nbgrader"]["grade_id"] == f"answer-{number.replace('.', '-')}":
            cell.source = code
    return notebook


@pytest.mark.long
@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("1.1", PATCHES + REACHES + "y_by_hand = [7.0, 7.0]"),
        ("1.2", PATCHES + REACHES + WRONG_FORWARD + "    return 7.0"),
        (
            "1.2",
            WRONG_FORWARD + "    " + (PATCHES + REACHES).replace("\n", "\n    ") + "return 7.0",
        ),
        ("2.3", PATCHES + WRONG_LINEAR),  # judged in its own process, with laws imported afresh
    ],
)
def test_a_patched_law_judges_as_before(tmp_path, number, code):
    nbformat.write(with_answer(number, code), tmp_path / "a.ipynb")
    (cheat,) = grade([tmp_path])
    (result,) = [result for result in cheat.results if result.number == number]
    assert (result.status, result.points) == ("wrong", 0), result.feedback
    assert result.possible == find(number).points
    assert {r.status for r in cheat.results if r.number != number} == {"right"}


@pytest.mark.long
def test_solutions_are_right_apart(tmp_path):
    """Of the first lesson, and of those that have an exercise which is not judged apart."""
    lessons = {int(n.split(".")[0]) for n in NUMBERS if n.startswith("1.") or not find(n).apart}
    for path in [path for path in MASTERS if int(path.name[:2]) in lessons]:
        (tmp_path / path.stem).mkdir()
        nbformat.write(stamp(read(path)), tmp_path / path.stem / path.name)
    graded = grade([tmp_path])
    wrong = [result for s in graded for result in s.results if result.status != "right"]
    assert not wrong, wrong[0].feedback
    asked = [n for n in NUMBERS if int(n.split(".")[0]) in lessons]
    assert sorted(r.number for s in graded for r in s.results) == sorted(asked)


def test_few_exercises_are_judged_in_the_answers_own_process():
    """Those that look at an object's attributes, at what was done to it or asked of it; and laws,
    which are given layers."""
    assert [n for n in NUMBERS if not find(n).apart] == [
        "2.3",
        "2.4",
        "2.6",
        "4.2",
        "8.3",
        "9.4",
        "9.7",
        "12.3",
    ]


numbers = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.just(...)
)
dtypes = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.floating_dtypes(sizes=(16, 32, 64))
leaves = numbers | hnp.arrays(dtypes, hnp.array_shapes(min_dims=0, min_side=0))
values = st.deferred(
    lambda: (
        leaves
        | st.lists(values, max_size=3)
        | st.tuples(leaves, values)
        | st.dictionaries(st.text(max_size=3), values, max_size=2)
    )
)


def equal(one, other):
    assert type(one) is type(other)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(equal, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(equal, one.values(), other.values()))
    if isinstance(one, np.ndarray | np.generic):
        assert (one.dtype, one.shape) == (other.dtype, other.shape)
        return one.tobytes() == other.tobytes()
    return one == other or one != one


@given(values)
@settings(max_examples=200)
def test_what_comes_back_is_what_was_returned(value):
    assert equal(apart.decode(apart.encode(value, []), None), value)


def remote(function):
    """The judge's side of `function`, which a thread serves."""
    ours, theirs = Pipe()
    threading.Thread(target=apart.serve, args=(theirs, [function]), daemon=True).start()
    return apart.Function(ours, 0)


def test_arrays_and_generators_that_it_moves_are_moved():
    def answer(x, pair, rng):
        x[0] = 7
        pair[1][...] = rng.random(2)

    x, other = np.zeros(3), np.ones((2, 2))
    rng, mine = np.random.default_rng(3), np.random.default_rng(3)
    assert remote(answer)(x, (1.0, other.T), rng) is None
    assert x.tolist() == [7, 0, 0] and (other.T == mine.random(2)).all()
    assert rng.random() == mine.random(), "and a generator goes on where it left it"


class Odd(KeyError):
    pass


@pytest.mark.parametrize(
    ("raised", "seen"),
    [
        (Odd("k"), KeyError),
        (UnicodeDecodeError("utf-8", b"", 0, 1, "no"), ValueError),
        (NotImplementedError(), NotImplementedError),
        (SystemExit(3), SystemExit),
        (ArithmeticError("deep"), Exception),
    ],
)
def test_its_errors_are_raised_and_told(raised, seen):
    def answer():
        raise raised

    with pytest.raises(seen) as caught:
        remote(answer)()
    assert type(caught.value) is seen
    assert f"your code raised {type(raised).__name__}" in caught.value.told[0]
    assert "remote(answer)()" not in caught.value.told[-1]


RESULTS = [object(), {1, 2}, "x" * 6_000_000, 10**5000, lambda: 1]


@pytest.mark.parametrize("result", RESULTS, ids=lambda value: type(value).__name__)
def test_odd_results_come_back_as_something(result):
    try:
        got = remote(lambda: result)()
    except Exception as error:
        assert "your code raised ValueError" in error.told[0]
    else:
        assert type(got).__name__ in (type(result).__name__, "Function")


def test_a_function_is_called_where_it_is():
    add, take = remote(lambda n: (lambda x: x + n, lambda x: x - n))(2.0)
    assert add(1.0) == 3.0 and take(np.ones(2)).tolist() == [-1.0, -1.0]


def test_an_answer_that_is_gone_is_no_error_of_a_law():
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(apart.Gone):
        apart.Function(ours, 0)(1.0)
    assert not issubclass(apart.Gone, Exception)
