"""Exercises that grade themselves: one set of laws for the notebook, the command line and pytest.

exercise.py    an exercise, its laws, and how an answer is judged
inputs.py      what hypothesis draws, and how a law compares
laws_NN.py     lesson NN's exercises
masters.py     from a master notebook to the student's, and back to the answers
cells.py       a notebook's cell as plain Python
grade.py       submissions, each answer in a process of its own
worker.py      what happens in that process, and in its judge's
apart.py       what goes between the two
report.py      table, CSV, JSON, feedback
"""

try:
    import hypothesis  # noqa: F401
except ImportError:
    raise ImportError(
        'the exercises need two more packages: pip install "hypothesis>=6.100" "nbformat>=5.9"'
    ) from None

from .exercise import Exercise, check, find, judge

__all__ = ["Exercise", "check", "find", "judge"]
