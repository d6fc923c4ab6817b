"""How long a lesson takes: computed from what there is to read and to do, not clocked with people.

    python notebooks/tools/minutes.py            a table: what each lesson holds, and its minutes
    python notebooks/tools/minutes.py --run      run those first that have no time in seconds.json
    python notebooks/tools/minutes.py --write    put the minutes into the lessons' heads and pages

RATES says what is assumed of a first reading by a student who works through everything but the
exercises: their minutes are stated beside each lesson's list of them. Measured is the student's
form (words, formulas, code, predictions, holes), and of the complete one the figures and the
package's code that it shows. What is folded away counts if it answers a question, and not if it is
for the curious.
"""

import argparse
import json
import os
import re

import nbformat
from execute import HERE, execute, lessons
from make_student import holes, student

from lora_np.system.files import whole_file

RATES = {  # of each, how many a minute
    "words": 150,
    "formulas": 3,
    "code lines": 12,
    "figures": 2,
    "predictions": 1,
    "holes": 1 / 3,
    "questions": 2,
    "seconds": 60,
}
NEAREST, MARGIN = 5, 5  # minutes: what is stated is rounded, and may be off by
SECONDS = HERE / "tools" / "seconds.json"  # processor time of each lesson, its kernel's start too
SYLLABUS, GUIDE = HERE / "README.md", HERE / "teacher" / "TEACHING.md"
FORMULA = re.compile(r"\$\$.*?\$\$", re.S)
CURIOUS = re.compile(r"<details><summary>(?!Answer</summary>).*?</details>", re.S)
HEAD = re.compile(r"(?<=\| Time \| )(\d+)(?= minutes)")
SHORT = re.compile(r"(?<=The short way, )\d+(?= minutes)")


def measure(path):
    """{what: how many} of the lesson at `path`; the keys are those of RATES."""
    seconds = json.loads(SECONDS.read_text("utf-8")).get(path.name, 0)
    return counted(nbformat.read(path, as_version=4)) | {"seconds": seconds}


def counted(complete):
    """The same of a notebook or a section of one, but for the seconds that it runs."""
    cells = student(complete).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    read = FORMULA.sub(" ", re.sub(r"<[^>]+>|^\|[-| ]+\|$", " ", CURIOUS.sub("", text), flags=re.M))
    code = [cell for cell in complete.cells if cell.cell_type == "code"]
    lines = sum(map(code_lines, (cell.source for cell in code)))
    return {
        "words": len(re.findall(r"\w[\w'’.,-]*", read)),
        "formulas": len(FORMULA.findall(CURIOUS.sub("", text))),
        "code lines": lines + sum(map(shown_lines, code)),
        "figures": sum("image/png" in out.get("data", {}) for c in code for out in c.outputs),
        "predictions": text.count("> **Predict.**"),
        "holes": sum(len(holes(cell.source)) for cell in code),
        "questions": text.partition("## Test yourself")[2].count("<summary>Answer"),
        "seconds": 0,
    }


def code_lines(source):
    """Lines that are read: no empty ones, no imports, and no text for those who see no figure."""
    source = re.sub(r"^(from|import) [^(\n]*(\([^)]*\))?.*\n?", "", source, flags=re.M)
    return sum(not re.fullmatch(r'\s*(f?"[^"]*"[,)]*)?\s*', line) for line in source.splitlines())


def shown_lines(cell):
    """Lines of the package's own code, where the cell shows some."""
    if "source(" not in cell.source:
        return 0
    shown = (output.get("data", {}).get("text/plain", "") for output in cell.outputs)
    return sum(sum(map(bool, map(str.strip, text.splitlines()))) for text in shown)


def minutes(measured):
    return sum(count / RATES[what] for what, count in measured.items())


def rounded(measured):
    return NEAREST * round(minutes(measured) / NEAREST)


def stated(path):
    """(minutes in the lesson's head, its exercises, their minutes)."""
    cells = nbformat.read(path, as_version=4).cells
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    theirs = re.search(r"smallest input that fails \((\d+) minutes\)", text)
    count = len(re.findall(r"^- \*\*\d+\.\d+ ", text, re.M))
    return int(HEAD.search(text)[1]), count, int(theirs[1]) if theirs else 0


def table():
    head = [*RATES, "minutes", "rounded", "stated", "exercises", "their min"]
    lines = [f"{'':24}" + "".join(f"{name:>12}" for name in head)]
    for path in lessons():
        measured = measure(path)
        row = [*measured.values(), minutes(measured), rounded(measured), *stated(path)]
        lines.append(f"{path.stem:24}" + "".join(f"{value:12.0f}" for value in row))
    rates = ", ".join(f"{rate:g} {what}" for what, rate in RATES.items())
    return "\n".join([*lines, f"a minute: {rates}"])


def run():
    """Run what was not timed yet; keep its processor time, which a busy machine leaves alone."""
    seconds = json.loads(SECONDS.read_text("utf-8"))
    for path in (path for path in lessons() if path.name not in seconds):
        before = os.times()
        execute(path)
        after = os.times()  # the kernel has ended, so its time is its parent's children's
        taken = sum(after[2:4]) - sum(before[2:4])
        seconds[path.name] = round(taken)
        SECONDS.write_text(json.dumps(seconds, indent=1, sort_keys=True) + "\n", "utf-8")
        print(f"{path.name}: {seconds[path.name]} s", flush=True)


def rewritten():
    """{path: text} of the lessons and pages that state minutes, with those that are computed."""
    found = {path: rounded(measure(path)) for path in lessons()}
    texts = {
        path: HEAD.sub(str(new), path.read_text("utf-8"), count=1) for path, new in found.items()
    }
    page, guide = SYLLABUS.read_text("utf-8"), GUIDE.read_text("utf-8")
    for path, new in found.items():
        number = path.stem.split("_")[0]
        row = rf"(^\| \[{number}\]\(.*\| )\d+( \| [^|\n]* \|$)"
        page = re.sub(row, rf"\g<1>{new}\g<2>", page, flags=re.M)
        row = rf"(^\| {number.lstrip('0')} [^|\n]*\| )\d+(?= \+ )"
        guide = re.sub(row, rf"\g<1>{new}", guide, flags=re.M)
    way = re.findall(r"\d\d", re.search(r"The short way.*?:(.*?)\.", page, re.S)[1])
    short = sum(new for path, new in found.items() if path.stem.split("_")[0] in way)
    return texts | {SYLLABUS: SHORT.sub(str(short), page), GUIDE: guide}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--run", action="store_true", help="run what has no time yet")
    parser.add_argument("--write", action="store_true", help="write the minutes into the pages")
    options = parser.parse_args()
    if options.run:
        run()
    if options.write:
        for path, text in rewritten().items():
            with whole_file(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
    print(table())
