"""What a class predicted: each student's letters, and for each question how many chose which."""

import ast
import collections
import re
from pathlib import Path

import numpy as np

from ..analysis.plots import COLORS, Picture, style, subplots
from ..system.json_text import parse_json

FILE = "predictions.json"  # beside the lessons: {question: letter}
LETTERS = "abc"
LARGEST = 20_000_000  # bytes of a file that is handed in
QUESTION = re.compile(r"\d{1,2}b?\.\d{1,2}", re.A)
HATCHES = ["", "///", "..."]  # so that a, b and c are told apart without colour
BOX = re.compile(r"^> \*\*Predict\.\*\* (.+)$", re.M)
ANSWER = re.compile(r"<details><summary>Answer</summary>\n\n\*\*\(([abc])\)")


def valid(question, letter):
    named = isinstance(question, str) and QUESTION.fullmatch(question) is not None
    return named and isinstance(letter, str) and letter in tuple(LETTERS)


def kept(path):
    """{question: letter} of a student's file, or of a lesson's notebook with their letters in it.

    What is no prediction is passed over. Raises: ValueError for a file that is neither.
    """
    return {question: letter for question, letter in found_in(path) if valid(question, letter)}


def found_in(path):
    """[(question, letter)] as they stand in a student's file or notebook, valid or not."""
    path = Path(path)
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path}: expected at most {LARGEST:,} bytes")
    try:
        found = parse_json(path.read_text("utf-8-sig"))
        if path.suffix == ".ipynb":
            return [pair for cell in found["cells"] for pair in predicted(cell)]
        return list(found.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, MemoryError):
        raise ValueError(f"{path}: expected {FILE} or a lesson's notebook") from None


def predicted(cell):
    """The pairs (question, letter) of a code cell that calls `predict`."""
    if cell["cell_type"] != "code":
        return
    for line in "".join(cell["source"]).splitlines():
        if not line.startswith("predict("):
            continue
        try:
            call = ast.parse(line).body[0].value
            pair = ast.literal_eval(call.args[0]), ast.literal_eval(call.args[1])
        except (SyntaxError, ValueError, AttributeError, IndexError, RecursionError, MemoryError):
            continue  # not as it was given
        if pair[1] is not ...:  # the dots that nobody replaced
            yield pair


def collected(folder):
    """({student: {question: letter}}, [what is not counted]) of what is handed in at `folder`.

    A student is a folder of that name, or a file: amy/predictions.json, amy/05_nf4.ipynb, amy.json.
    """
    folder, answers, odd = Path(folder), collections.defaultdict(dict), []
    if not folder.is_dir():
        raise ValueError(f"{folder}: expected a folder with {FILE} or lessons of each student")
    for path in sorted(folder.rglob("*")):
        place = path.relative_to(folder)
        hidden = any(part.startswith(".") or part == "__MACOSX" for part in place.parts)
        if hidden or path.suffix not in (".json", ".ipynb") or path.is_symlink():
            continue
        try:
            pairs = found_in(path)
        except ValueError as error:
            odd.append(str(error))
            continue
        answers[Path(place.parts[0]).stem].update(pair for pair in pairs if valid(*pair))
        odd += passed_over(path, [pair for pair in pairs if not valid(*pair)])
    if not answers:
        raise ValueError(f"{folder}: there is no {FILE} and no lesson in it. {' '.join(odd)}")
    return dict(answers), odd


def passed_over(path, pairs):
    """A line on the pairs of a file that are no predictions, if there are any."""
    if pairs:  # anybody's values: a number or a list may be too long to print
        first = [repr(x[:20] if isinstance(x, str) else type(x).__name__) for x in pairs[0]]
        what = f"{len(pairs)} not counted, first question {first[0]} with {first[1]}"
        yield f"{path}: {what}; expected a, b or c"


def questions(lessons):
    """{question: (its text, the right letter)} of the complete lessons in a folder."""
    found = {}
    for path in sorted(Path(lessons).glob("[0-9]*.ipynb")):
        cells = parse_json(path.read_text("utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown"]
        text, lesson = "\n\n".join(sources), path.stem.split("_")[0].lstrip("0")
        for place, pair in enumerate(zip(BOX.findall(text), ANSWER.findall(text)), start=1):
            found[f"{lesson}.{place}"] = pair
    return found


def counts(answers, known):
    """A row for each question that anybody answered: how many chose each letter, and the right one.

    `known` is what `questions` found, or {}.
    """
    asked = {question for chosen in answers.values() for question in chosen}
    rows = []
    for question in sorted(asked, key=in_order):
        letters = [chosen.get(question) for chosen in answers.values()]
        text, right = known.get(question, ("", ""))
        row = {"question": question, "text": text, "right": right}
        rows.append({**row, **{letter: letters.count(letter) for letter in LETTERS}})
    return rows


def in_order(question):
    lesson, place = question.split(".")
    return int(lesson.rstrip("b")), lesson.endswith("b"), int(place)


@style()
def histogram(rows, students):
    """A Picture of the rows of one lesson or more: three bars a question, and which is right.

    It offers its numbers as a table as well.
    """
    height = 1 + 0.62 * len(rows)
    figure, axes = subplots(size=(6.4, height))
    at = np.arange(len(rows))
    for place, (letter, hatch) in enumerate(zip(LETTERS, HATCHES)):
        y, n = at + 0.27 * (place - 1), [row[letter] for row in rows]
        axes.barh(
            y, n, 0.25, color=COLORS[place], hatch=hatch, edgecolor="white", label=f"({letter})"
        )
        for where, count, row in zip(y, n, rows):
            right = " right" if row["right"] == letter else ""
            axes.text(count + 0.15, where, f"{count}{right}", va="center", fontsize=8)
    axes.set_yticks(at, [row["question"] for row in rows])
    axes.set(xlabel=f"students, of {students}", ylabel="question", xlim=(0, 1.25 * students + 1))
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    axes.legend(loc="upper right", ncols=3, fontsize=8, bbox_to_anchor=(1, 1 + 0.55 / height))
    said = [", ".join(f"{row[x]} chose ({x})" for x in LETTERS) for row in rows]
    right = [f"; ({row['right']}) is right" if row["right"] else "" for row in rows]
    lines = [f"question {row['question']}: {s}{r}" for row, s, r in zip(rows, said, right)]
    alt = f"What {students} students predicted. {'. '.join(lines)}."
    return Picture(figure, alt, table=(["question", *LETTERS, "right"], rows))
