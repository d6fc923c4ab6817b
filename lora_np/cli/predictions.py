"""python -m lora_np predictions: what a class predicted, as a histogram for each lesson."""

import itertools
from pathlib import Path

from .options import show, write_texts
from .out import new_folder

check_out = new_folder


def add(commands):
    parser = commands.add_parser(
        "predictions",
        help="what a class predicted in the lessons' Predict boxes, as histograms",
        description="Reads predictions.json, or the lessons' notebooks, of each student. With "
        "--out: predictions.csv, and predictions.html with a figure, its text and its table for "
        "each lesson.",
    )
    option = parser.add_argument
    lessons = "the complete lessons, for the questions and what is right (default notebooks)"
    option("folder", metavar="FOLDER", help="what was handed in: a folder or a file a student")
    option("--lessons", metavar="FOLDER", default="notebooks", help=lessons)
    return parser


def run(options):
    from ..course import predictions
    from ..course.classroom import pages, report

    answers, odd = predictions.collected(options.folder)
    known = predictions.questions(options.lessons)
    if not known:
        raise ValueError(
            f"--lessons {options.lessons}: there are no lessons here; the course's own lie in the "
            "project's folder, as notebooks"
        )
    rows = predictions.counts(answers, known)
    if not rows:
        raise ValueError(f"{options.folder}: nobody predicted anything yet")
    if options.out:
        parts, students = [], len(answers)
        for lesson, found in itertools.groupby(rows, lambda row: row["question"].split(".")[0]):
            found = list(found)
            picture = predictions.histogram(found, students)
            texts = [f"<li>{row['question']}: {pages.escape(row['text'])}</li>" for row in found]
            parts += [f"<h2>Lesson {lesson}</h2>", f"<ul>{''.join(texts)}</ul>"]
            parts.append(picture._repr_html_())
        page = pages.page(f"What {students} students predicted", *parts)
        write_texts(
            Path(options.out), {"predictions.csv": report.as_csv(rows), "predictions.html": page}
        )
    lines = [
        f"{row['question']:>6}" + "".join(f"{row[x]:5}" for x in predictions.LETTERS)
        + f"    {row['right'] and '(' + row['right'] + ')'}"
        for row in rows
    ]  # fmt: skip
    head = [f"{len(answers)} students", "question  a    b    c    right"]
    show(options, {"rows": rows, "not read": odd}, "\n".join([*head, *lines, *odd]))
