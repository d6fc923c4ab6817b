"""Laws that only the teacher has: a file in the form of laws_NN.py, sealed by a key.

    from lora_np.course.classroom.hidden_laws import beside
    from lora_np.course.classroom.inputs import layers, only, same

    FORWARD = beside("1.2")

    @FORWARD.law("x of no rows gives y of no rows", only(layers(), "x", "W", "A", "B", "alpha"))
    def nothing_in_nothing_out(forward, x, W, A, B, alpha):
        \"\"\"What becomes of an empty batch?\"\"\"
        same("y of nothing", forward(x[:0], W, A, B, alpha), (x @ W)[:0])

    EXERCISES = [FORWARD]

They run after the package's own laws, in the judge's process; an answer's process never gets their
text. Feedback has the hint, and neither the statement, nor the input, nor what was printed there.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

from .exercise import OWN, Exercise, find


def beside(number):
    """The exercise of this number without its laws, to take those of a teacher's file."""
    return replace(find(number), laws=[])


def key_of(data):
    """The key of a file's bytes: 16 hexadecimal digits, others if one byte changes."""
    return hashlib.sha256(data).hexdigest()[:16]


def opened(path, key):
    """The text of the file of hidden laws at `path`, whose key is `key`.

    Raises: ValueError if it is missing, altered, or not in this form.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f"--hidden {path}: {error.strerror}. The hidden laws come with no copy of the course: "
            "only its teacher has them"
        ) from None
    if not key:
        raise ValueError(
            f"--hidden {path}: expected its key as well. Read the file through; if it is yours, "
            f"note its key, and give it from now on: --key {key_of(data)}"
        )
    if key != key_of(data):
        raise ValueError(
            f"--hidden {path}: the file was altered since the key {key} was noted, or it is "
            "another one. Nothing was graded, for marks would not compare. If you changed it "
            "yourself, run this without --key to see its new one"
        )
    try:
        text = data.decode("utf-8-sig")
        laws(text)
    except Exception as error:  # whatever a file of Python can raise
        raise ValueError(f"--hidden {path}: {type(error).__name__}: {error}") from None
    return text


def laws(text):
    """{exercise: [Law]} of the text of such a file, which is run: it is the teacher's.

    Raises: ValueError for what is no list of exercises that are judged apart.
    """
    names = {"__name__": "hidden_laws"}
    exec(compile(text, "<hidden laws>", "exec"), names)
    exercises = names.get("EXERCISES")
    if not isinstance(exercises, list) or not all(isinstance(e, Exercise) for e in exercises):
        raise ValueError("expected a list EXERCISES at its end, of what beside(number) gave")
    for each in exercises:
        if not each.apart or each.number.startswith(f"{OWN}."):
            raise ValueError(
                f"exercise {each.number} can have no hidden laws: "
                + ("it is drawn" if each.apart else "it is judged in the answer's own process")
            )
        if not each.laws:
            raise ValueError(f"exercise {each.number} has no law there")
    return {e.number: [replace(law, hidden=True) for law in e.laws] for e in exercises}


def with_hidden(exercise, text):
    """The exercise with those of the hidden laws that are its own, after the others."""
    if not text:
        return exercise
    return replace(exercise, laws=[*exercise.laws, *laws(text).get(exercise.number, [])])
