"""What a teacher and a student get to read: table, CSV, JSON, feedback, explanations."""

import collections
import csv
import io
from dataclasses import asdict

MARKS = {"wrong": "x", "not attempted": "-", "no answer": "?", "time out": "t", "crashed": "!"}
COLUMNS = ("submission", "exercise", "title", "status", "points", "possible", "law", "note")


def table(submissions):
    """One line a submission, a block for each set of exercises, and which laws broke most often."""
    blocks = collections.defaultdict(list)
    for submission in submissions:
        blocks[tuple(result.number for result in submission.results)].append(submission)
    malformed = blocks.pop((), [])
    width = max(10, *(len(submission.name) for submission in submissions)) + 2
    lines = []
    for numbers, block in blocks.items():
        head = "".join(f"{number:>6}" for number in numbers)
        lines.append(f"{'submission':<{width}}{head}{'points':>12}")
        for s in block:
            marks = "".join(f"{MARKS.get(r.status, f'{r.points:g}'):>6}" for r in s.results)
            total = f"{s.points:g} of {s.possible:g}"
            lines.append(f"{s.name:<{width}}{marks}{total:>12}")
        lines.append("")
    if blocks:
        legend = ", ".join(f"{mark} {status}" for status, mark in MARKS.items())
        lines.append(f"a number: right, its points; {legend}")
    noted = [s for s in submissions if s.note]
    if noted:
        lines += ["", "odd:", *(f"{s.name:<{width}}{s.note}" for s in noted)]
    if malformed:
        lines += ["", "not graded:", *(f"{s.name:<{width}}{s.problem}" for s in malformed)]
    broken = collections.Counter(
        (r.number, r.law) for s in submissions for r in s.results if r.law
    ).most_common(5)
    if broken:
        lines += ["", "the laws that break most often:"]
        lines += [f"  {count:3} x  {number}  {law}" for (number, law), count in broken]
    waiting = sum(len(s.explanations) for s in submissions)
    if waiting:
        lines += ["", f"explanations for you to read: {waiting}"]
    return "\n".join(lines)


def rows(submissions):
    """A dict for each submission and exercise, by COLUMNS; a malformed notebook has one."""
    for s in submissions:
        if s.problem:
            yield {"submission": s.name, "status": s.problem, "points": 0}
        for r in s.results:
            kept = asdict(r)
            yield {"submission": s.name, "exercise": kept.pop("number"), **kept, "note": s.note}


def as_csv(rows, columns=None):
    """A table of dicts as CSV; its columns are those of the first row if none are given."""
    file = io.StringIO()
    columns = columns or list(rows[0])
    writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def as_numbers(submissions, limits):
    """Everything, for JSON."""
    return {
        "limits": {
            "seconds": limits.seconds,
            "memory": limits.memory,
            "network": "none" if all(s.offline for s in submissions) else "not cut off here",
        },
        "submissions": [
            {
                "submission": s.name,
                "points": s.points,
                "possible": s.possible,
                "problem": s.problem,
                "student": s.student,
                "note": s.note,
                "explanations": s.explanations,
                "results": [asdict(result) for result in s.results],
            }
            for s in submissions
        ],
    }


def feedback(submission):
    """The text for one student."""
    if submission.problem:
        return f"{submission.name}\n\nNot graded: {submission.problem}\n"
    total = f"{submission.points:g} of {submission.possible:g} points"
    parts = [f"{submission.name}: {total}", *(r.feedback for r in submission.results)]
    if submission.explanations:
        kept = ", ".join(submission.explanations)
        parts.append(f"Your explanations ({kept}) are for your teacher to read.")
    return "\n\n".join(parts) + "\n"


def explanations(submissions):
    """The students' explanations, one exercise after the other."""
    numbers = sorted({number for s in submissions for number in s.explanations})
    parts = []
    for number in numbers:
        parts.append(f"Exercise {number}\n")
        for s in submissions:
            if number in s.explanations:
                parts.append(f"--- {s.name}\n{s.explanations[number].strip()}\n")
    return "\n".join(parts)
