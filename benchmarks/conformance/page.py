"""The table of laws and libraries as a page: what holds, what breaks, and each break by hand."""

import json
from pathlib import Path

from breaks import SAME

BREAKS = Path(__file__).parents[1] / "results" / "conformance_breaks.json"
MARKS = {"holds": "✓", "broken": "✗", "differs": "≠", "not applicable": "·"}
HEAD = """# Laws and libraries

Every law of `lora_np.conformance` on the layers that this project and others ship. Made by
`python benchmarks/conformance/table.py` from `benchmarks/results/conformance.json`, and not to be
edited; `table.py` says what it needs.

✓ holds, on every input tried; ✗ broken; ≠ another choice, for the reason given below; · does not
apply, for the subject has no such function, or another method. A ✗ is a statement about one
version, called as `benchmarks/conformance/` calls it, on one machine. What is tried is a layer of
a few numbers: how fast or how good a library is, this table does not say.
"""


def made(numbers, laws):
    """Markdown of stored results."""
    rows = numbers["subjects"]
    return "\n".join([HEAD, *subjects(rows, numbers), *matrix(rows, laws), *broken(rows), ""])


def count(row, status):
    return sum(each["status"] == status for each in row["laws"])


def subjects(rows, numbers):
    versions = numbers["versions"]
    yield "| | subject | library | holds | broken | differs | inputs a law |"
    yield "|---|---|---|---|---|---|---|"
    for i, row in enumerate(rows, start=1):
        library = f"{row['library']} {versions.get(row['library'], '')}".strip()
        counts = " | ".join(str(count(row, status)) for status in ("holds", "broken", "differs"))
        yield f"| {i} | {row['subject']} | {library} | {counts} | {row['examples']} |"
    beside = ("torch", "transformers", "numpy", "hypothesis")
    known = ", ".join(f"{name} {versions[name]}" for name in beside if name in versions)
    yield f"\nBeside them: {known}; Python {numbers['python']}, {numbers['processor']}.\n"


def matrix(rows, laws):
    """One row a law, one column a subject, under its number."""
    status = [{each["law"]: each["status"] for each in row["laws"]} for row in rows]
    numbers = range(1, len(rows) + 1)
    group = None
    for law in laws:
        if law.group != group:
            group = law.group
            yield f"\n## {group.replace('_', ' ')}\n"
            yield "| law | " + " | ".join(map(str, numbers)) + " |"
            yield "|---|" + "---|" * len(rows)
        marks = " | ".join(MARKS[each.get(law.name, "not applicable")] for each in status)
        yield f"| {law.statement} | {marks} |"


def broken(rows):
    """What came, what was expected and the few lines by hand, of each break and each difference."""
    by_hand = json.loads(BREAKS.read_text("utf-8")) if BREAKS.exists() else {}
    yield "\n## What breaks\n"
    for row in rows:
        for each in row["laws"]:
            if each["status"] == "broken":
                yield from one_break(f"{row['subject']}: {each['law']}", each, by_hand)
    yield "\n## What differs, and why that is no fault\n"
    yield "| subject | law | why: the library's own words, or ours where it has none |"
    yield "|---|---|---|"
    for row in rows:
        for each in row["laws"]:
            if each["status"] == "differs":
                yield f"| {row['subject']} | {said(each)} | {each['documented']} |"


def said(each):
    return each["law"].replace("_", " ")


def one_break(name, each, by_hand):
    """What came of one, and the lines that show it; once, where several laws are one mistake."""
    yield f"**{name.replace('_', ' ')}**\n"
    if name in SAME:
        yield f"The same mistake as: {SAME[name].replace('_', ' ')}.\n"
        return
    likely = f" Likely: {each['mistake']}." if each["mistake"] else ""
    yield f"Not as it should be: {each['what']}.{likely}\n"
    if found := by_hand.get(name):
        yield f"```python\n{found['code']}```\n"
        yield f"It prints `{found['printed']}`: {found['right']}.\n"
