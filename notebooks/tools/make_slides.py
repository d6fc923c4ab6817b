"""Make a deck of slides of each lesson, out/slides/NN_….html and .pdf, from its notebook.

    npm ci --prefix notebooks/tools/slides
    python notebooks/tools/make_slides.py                  all lessons, as HTML
    python notebooks/tools/make_slides.py --pdf 03 04      two of them, as PDF too (by Chromium)

A deck is what a lecture takes of a lesson: its question, each section's formulas, tables and lists,
predictions, figures, outputs, short code, and the five questions of its end. What is told, and what
answers a prediction, is in the speaker's notes (press p). Each HTML file is whole: figures and
formulas are inside, and no network is needed. Made by Marp, which package-lock.json pins.
"""

import argparse
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

import make_cards
import nbformat
from execute import HERE, lessons

from lora_np.system.files import whole_file

TOOL = HERE / "tools" / "slides"
OUT = Path(__file__).resolve().parents[2] / "out" / "slides"
LINES, DENSE, ROOM = 20, 10, 420  # of code or output on a slide; from where small; characters
DETAILS = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.S)
DISPLAY = re.compile(r"\$\$.*?\$\$", re.S)
LINK = re.compile(r"\[([^\]]+)\]\([^)]*\)")
FENCE = re.compile(r"^```.*?^```$", re.M | re.S)


@dataclass
class Slide:
    """What is on the screen, and what the speaker says."""

    heading: str
    body: str = ""
    notes: str = ""
    kind: str = ""

    def text(self):
        """Marp's Markdown; notes are a comment, which ends at its first arrow."""
        made = [f"<!-- _class: {self.kind} -->"] if self.kind else []
        made += [f"{'#' if self.kind == 'title' else '##'} {self.heading}", self.body.strip()]
        notes = re.sub(r"<[^>]+>", "", self.notes).replace("--", "\N{EN DASH}").strip()
        return "\n\n".join([part for part in made if part] + [f"<!--\n{notes}\n-->"] * bool(notes))


def slides(path):
    """The slides of the lesson at `path`, in its order."""
    cells = nbformat.read(path, as_version=4).cells
    answers = make_cards.ANSWER.findall(
        "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    )
    made, heading = [opening(cells[0].source)], ""
    rest = re.split(r"^(?=## )", cells[0].source, maxsplit=1, flags=re.M)[1:]
    sources = [("markdown", "".join(rest), None)]
    sources += [(cell.cell_type, cell.source, cell) for cell in cells[1:]]
    asked = iter(answers)
    for kind, source, cell in sources:
        if kind == "code":
            made += shown(heading or make_cards.title(cells), cell)
            continue
        for piece in re.split(r"^(?=##+ )", source, flags=re.M):
            found = re.match(r"##+ (.+)\n?", piece)
            heading = found[1] if found else heading
            body = piece[found.end() :] if found else piece
            if heading == "Test yourself":
                made.append(ending(body))
            elif body.strip() and heading != "Exercises":
                for each in told(heading, body, asked):
                    last = made[-1]
                    if bare(each.body) and last.heading == heading:
                        last.notes += f"\n\n{each.notes}"  # one sentence needs no slide of its own
                    else:
                        made.append(each)
    return made


def bare(body):
    """Whether a slide would show a sentence or two, and nothing else."""
    return not re.search(r"^(\||- |\d+\. |\$\$|```|\*\*|!\[)", body, re.M)


def opening(source):
    """The lesson's title, its question and aims; minutes and needs in the notes."""
    name = source.splitlines()[0].removeprefix("# ")
    question = re.search(r"\*\*The question\.\*\* (.+)", source)[1]
    rows = dict(re.findall(r"^\| ([^|]+) \| (.+) \|$", source, re.M))
    notes = f"Time: {rows['Time']}. You need: {rows['You need']}."
    return Slide(
        name, f"{question}\n\n*Afterwards you can* {rows['Afterwards you can']}", notes, "title"
    )


def told(heading, body, asked):
    """What a piece of text shows, and its prediction; all that it says is in the notes."""
    made, curious = [], []
    for summary, text in DETAILS.findall(body):
        if summary != "Answer":
            curious.append(f"{summary}: {text.strip()}")
    text = DETAILS.sub("", body)
    boxes = make_cards.BOX.findall(text)
    said = LINK.sub(r"\1", make_cards.BOX.sub("", text)).strip()
    if said:
        notes = "\n\n".join([DISPLAY.sub(" ", said), *curious])
        shown_here = seen(said)
        made.append(Slide(heading, shown_here, notes, "dense" if len(shown_here) > ROOM else ""))
    for box in boxes:
        letter, why = next(asked)
        lines = [line.removeprefix(">").strip() for line in box.splitlines()]
        question = " ".join(line for line in lines if not line.startswith("- ("))
        options = [line for line in lines if line.startswith("- (")]
        asks = question.replace("**Predict.** ", "") + "\n\n" + "\n".join(options)
        made.append(Slide("Predict", LINK.sub(r"\1", asks), f"({letter}) {why}", "predict"))
    return made


def seen(said):
    """Of a text: its first two sentences, its formulas, tables, lists and bold statements."""
    parts, first = [], True
    whole = FENCE.sub(lambda code: re.sub(r"\n(?=\n)", "\n\0", code[0]), said)  # code is one block
    for block in re.split(r"\n\s*\n", whole):
        if block.startswith(("|", "- ", "* ", "1. ", "$$", "```")):
            parts.append(block)
        elif first or block.startswith("**"):
            sentences = re.split(r"(?<=[.:?!])\s+(?=[A-Z*$`\"“(])", " ".join(block.split()))
            parts.append(" ".join(sentences[: 2 if first else 1]))
        first = False
    return "\n\n".join(parts).replace("\0", "")


def shown(heading, cell):
    """A code cell: its figure, or its code if it is short, and what it printed."""
    made, printed = [], ""
    for output in cell.outputs:
        data = output.get("data", {})
        if "image/png" in data:
            alt = " ".join(output["metadata"]["image/png"]["alt"].split())
            image = f"data:image/png;base64,{data['image/png'].strip()}"
            label = re.sub(r"[\[\]]", "", alt)
            made.append(Slide(heading, f"![{label}]({image})", alt))
        elif output.get("name") == "stdout":
            printed += output["text"]
    code = cell.source.split("\n")
    lines = printed.rstrip().split("\n") if printed.strip() else []
    body = []
    if len(code) <= LINES - len(lines) and not made:
        body.append("```python\n" + cell.source + "\n```")
    if lines:
        kept = lines if len(lines) <= LINES else [*lines[: LINES - 1], "…"]
        body.append("```text\n" + "\n".join(kept) + "\n```")
    if body:
        wide = max(map(len, [*lines, *code])) > 80
        small = sum(part.count("\n") for part in body) > DENSE or wide
        made.insert(0, Slide(heading, "\n\n".join(body), "", "dense" if small else ""))
    return made


def ending(body):
    """The five questions of a lesson's end, their answers in the notes."""
    questions = re.findall(r"^\d+\. (.+?) <details>.*?</summary>(.+?)</details>", body, re.M)
    listed = "\n".join(f"{i}. {question}" for i, (question, _) in enumerate(questions, 1))
    notes = "\n".join(f"{i}. {answer}" for i, (_, answer) in enumerate(questions, 1))
    return Slide("Test yourself", listed, notes)


def deck(path):
    """The lesson's slides as one Markdown text for Marp."""
    style = "\n".join(f"  {line}" for line in (TOOL / "look.css").read_text("utf-8").splitlines())
    name = make_cards.title(nbformat.read(path, as_version=4).cells).replace("$", "")
    head = f'title: "{name}"\nlang: en\nmath: mathjax\npaginate: true\nstyle: |\n{style}'
    return (
        f"---\nmarp: true\n{head}\n---\n\n"
        + "\n\n---\n\n".join(each.text() for each in slides(path))
        + "\n"
    )


def build(path, pdf):
    """Write the deck as Markdown, then as HTML, then as PDF; the files that were made."""
    source = OUT / f"{path.stem}.md"
    with whole_file(source) as temporary:
        temporary.write_text(deck(path), encoding="utf-8")
    marp = TOOL / "node_modules" / ".bin" / "marp"
    if not marp.exists():
        raise FileNotFoundError(f"{marp}: run npm ci --prefix notebooks/tools/slides")
    for kind in ("html", "pdf")[: 1 + pdf]:
        options = ["--no-stdin", "--pdf-notes"] if kind == "pdf" else ["--no-stdin"]
        # Chromium will not run as root inside its own sandbox, as in a container
        own = {"CHROME_NO_SANDBOX": "1"} if hasattr(os, "geteuid") and os.geteuid() == 0 else {}
        target = source.with_suffix(f".{kind}")
        subprocess.run(
            [marp, *options, source, "-o", target],
            check=True, env=os.environ | own, capture_output=True,
        )  # fmt: skip
        yield target


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*", help="numbers, 03 10b; all if none is named")
    parser.add_argument("--pdf", action="store_true")
    asked = parser.parse_args()
    OUT.mkdir(parents=True, exist_ok=True)
    for path in lessons():
        if not asked.lessons or path.stem.split("_")[0] in asked.lessons:
            for made in build(path, asked.pdf):
                count = len(slides(path))
                print(f"{made.name}: {count} slides, {made.stat().st_size:,} bytes", flush=True)
