"""Exercises that grade themselves: one set of laws for the notebook, the command line and pytest.

exercise.py    an exercise, its laws, and how an answer is judged
inputs.py      what hypothesis draws, and how a law compares
laws_NN.py     lesson NN's exercises
masters.py     from a master notebook to the student's, and back to the answers
cells.py       a notebook's cell as plain Python
handed_in.py   the notebooks in a folder, and whose they are
grade.py       submissions, each answer in a process of its own
worker.py      what happens in that process, and in its judge's
preloaded.py   what all of these processes share, imported once
apart.py       what goes between the two
variants.py    sheets drawn by a student's number; laws_90.py has what is drawn
hidden_laws.py laws that only the teacher has, sealed by a key
similar.py     which submissions are alike in what few others wrote
report.py      table, CSV, JSON, feedback
pages.py       the same as web pages, and in nbgrader's forms
"""

try:
    import hypothesis  # noqa: F401
except ImportError:
    raise ImportError(
        'the exercises need two more packages: pip install "hypothesis>=6.100" "nbformat>=5.9"'
    ) from None

from .exercise import Exercise, check, find, judge

__all__ = ["Exercise", "check", "find", "judge"]
