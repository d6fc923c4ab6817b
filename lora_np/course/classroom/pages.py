"""Marks and feedback as web pages, and in the forms that nbgrader reads and writes."""

import collections
from html import escape
from pathlib import PurePath

from ...analysis.plots import html_table

PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; color: #111; background: #fff; max-width: 60rem;
        margin: 1rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #767676; padding: .2rem .6rem; text-align: left }}
pre {{ white-space: pre-wrap; background: #f3f3f3; padding: .6rem }}
</style></head>
<body><main>
<h1>{title}</h1>
{body}
</main></body></html>
"""
# The columns of `nbgrader export`
GRADEBOOK = ("assignment", "duedate", "timestamp", "student_id", "last_name", "first_name", "email")
GRADEBOOK += ("raw_score", "late_submission_penalty", "score", "max_score")


def page(title, *parts):
    return PAGE.format(title=escape(title), body="\n".join(parts))


def feedback(submission):
    """The page for one student."""
    if submission.problem:
        return page(submission.name, f"<p>Not graded: {escape(submission.problem)}</p>")
    total = f"<p>{submission.points:g} of {submission.possible:g} points.</p>"
    rows = [
        {"exercise": f"{r.number} {r.title}", "result": r.status, "points": r.points,
         "of": r.possible}
        for r in submission.results
    ]  # fmt: skip
    parts = [total, html_table(["exercise", "result", "points", "of"], rows, "Points")]
    for r in submission.results:
        head = f"<h2>{escape(f'{r.number} {r.title}')}</h2>"
        parts.append(f"{head}\n<pre>{escape(r.feedback)}</pre>")
    if submission.explanations:
        parts.append("<p>Your explanations are for your teacher to read.</p>")
    return page(submission.name, *parts)


def marks(submissions, alike):
    """The teacher's page: a row for each submission, and the pairs that are alike."""
    numbers = sorted({r.number for s in submissions for r in s.results}, key=in_order)
    rows = []
    for s in submissions:
        results = {r.number: r.points if r.status == "right" else r.status for r in s.results}
        told = s.problem or s.note
        rows.append({"submission": s.name, **results, "points": s.points, "remark": told})
    parts = [html_table(["submission", *numbers, "points", "remark"], rows, "Marks")]
    parts.append("<h2>Alike in what few others wrote</h2>")
    if alike:
        said = "Share: of the smaller one's rare passages. Read both before you draw a conclusion."
        parts += [f"<p>{said}</p>", html_table(list(alike[0]), alike, "Pairs")]
    else:
        parts.append("<p>No pair.</p>")
    return page("Marks", *parts)


def in_order(number):
    return [int(part) for part in number.split(".")]


def place(name):
    """(student, assignment, notebook) of a submission's name.

    nbgrader's own folders are student/assignment/notebook; a folder a student takes the notebook's
    name for the assignment's, and so does a notebook a student, whose assignment is "exercises".
    """
    parts = PurePath(name).parts
    if len(parts) == 1:
        return parts[0], "exercises", parts[0]
    return parts[0], parts[1], parts[-1]


def nbgrader(submissions):
    """{file: text} of nbgrader's folder `feedback`, which `nbgrader release_feedback` hands out."""
    names = {s.name: place(s.name) for s in submissions}
    return {
        f"feedback/{'/'.join(names[s.name][:2])}/{names[s.name][2]}.html": feedback(s)
        for s in submissions
    }


def gradebook(submissions):
    """Rows in the columns of `nbgrader export`: one a student and assignment."""
    sums = collections.defaultdict(lambda: [0, 0])
    for s in submissions:
        student, assignment, _ = place(s.name)
        sums[assignment, student][0] += s.points
        sums[assignment, student][1] += s.possible
    for (assignment, student), (points, possible) in sorted(sums.items()):
        scores = {"raw_score": points, "late_submission_penalty": 0, "score": points}
        yield {"assignment": assignment, "student_id": student, **scores, "max_score": possible}
