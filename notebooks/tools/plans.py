"""Hold the plans of notebooks/teacher/PLANS.md against what lessons and exercises take.

    python notebooks/tools/plans.py           the sections of lessons, and what is wrong with a plan
    python notebooks/tools/plans.py --write   put the clock and the needed minutes into the page

The page is the one source. Each row of a plan is a slot, and its cell *takes* says of what:

    show 3, 4 §Bytes    the teacher shows it: SHOWN of what reading takes, VOTE more a prediction
    read 3 §What rank   students read and run it, by themselves
    do 3.1, 3.4         exercises: a lesson's minutes for all of them, shared out by points
    paper 1.1           an exercise as an entry, before its lesson
    talk 10             discussion, for as long as it says
    break

`§` and the beginning of a heading stand for one section, a number alone for the whole lesson.
"""

import argparse
import datetime
import functools
import re

import minutes
import nbformat
from execute import HERE, lessons

from lora_np.course.classroom import find
from lora_np.system.files import whole_file

PAGE = HERE / "teacher" / "PLANS.md"
SHOWN, VOTE = (0.5, 1.5)  # share of a reading's minutes; minutes for hands and one who erred
TAKEN = 1 / 3  # a lesson counts as met if so much of its reading was shown or read
ROW = re.compile(r"^\| *(\S*) *\| (\d+) \| *(\S*) *\| (.+?) \|")
HEAD = re.compile(r"^(#{2,3}) .*?(?:\((\d+) minutes(?:, from (\d+):(\d+))?\))?$")
KNOWN = re.compile(r"^Known before: (.*?)\.", re.M)


@functools.cache
def sections(number):
    """{heading: (minutes of reading, predictions)} of a lesson's sections, its head too."""
    (path,) = (path for path in lessons() if path.stem.split("_")[0].lstrip("0") == number)
    kept = {"": []}
    for cell in nbformat.read(path, as_version=4).cells:
        pieces = re.split(r"^## (.+)$", cell.source, flags=re.M) if is_text(cell) else [cell]
        add(kept, pieces[0])
        for heading, text in zip(pieces[1::2], pieces[2::2]):
            kept[heading] = []
            add(kept, f"## {heading}\n{text}")
    made = {}
    for heading, cells in kept.items():
        counts = minutes.counted(nbformat.v4.new_notebook(cells=cells))
        made[heading] = (minutes.minutes(counts), counts["predictions"])
    return made


def is_text(cell):
    return cell.cell_type == "markdown"


def add(kept, piece):
    cell = nbformat.v4.new_markdown_cell(piece) if isinstance(piece, str) else piece
    kept[list(kept)[-1]].append(cell)


def chosen(what):
    """(a lesson's number, its sections that `what` names): '4 §Bytes' is one, '4' all of them."""
    number, _, start = what.partition(" §")
    found = {k: v for k, v in sections(number).items() if k.startswith(start)}
    if not found or (start and len(found) > 1):
        raise ValueError(f"{what!r}: {len(found)} sections begin so, of {list(sections(number))}")
    return number, found


@functools.cache
def lesson_of(exercise):
    """The lesson whose list of exercises has it, and the exercise's minutes."""
    for path in lessons():
        text = path.read_text("utf-8")
        listed = re.findall(r"- \*\*(\d+\.\d+) ", text)
        if exercise in listed:
            share = find(exercise).points / sum(find(each).points for each in listed)
            return path.stem.split("_")[0].lstrip("0"), share * minutes.stated(path)[2]
    raise ValueError(f"no lesson lists exercise {exercise}")


def items(takes):
    """Yield (verb, what) of a slot's cell, 'show 1, 3 §Why; do 1.2'."""
    for part in takes.split("; "):
        verb, _, rest = part.partition(" ")
        for what in re.split(r", (?=\d)", rest):
            yield verb, what


def needed(verb, what):
    """Minutes."""
    if verb in ("show", "read"):
        found = chosen(what)[1].values()
        read = sum(each for each, _ in found)
        return SHOWN * read + VOTE * sum(asked for _, asked in found) if verb == "show" else read
    if verb in ("do", "paper"):
        return lesson_of(what)[1]
    if verb in ("talk", "break"):
        return int(what or 0)
    raise ValueError(f"{verb!r} is no verb of a plan: show, read, do, paper, talk, break")


def prerequisites():
    """{lesson: the lessons it needs}, of the course's own table."""
    table, made = minutes.SYLLABUS.read_text("utf-8"), {}
    order = [path.stem.split("_")[0] for path in lessons()]
    for number, cell in re.findall(r"^\| \[(\d+b?)\]\(.*\| ([^|]*) \|$", table, re.M):
        cell = re.sub(
            r"(\d\d) to (\d\d)",
            lambda span: " ".join(f"{i:02}" for i in range(int(span[1]), int(span[2]) + 1)),
            cell,
        )
        made[number.lstrip("0")] = {
            each.lstrip("0") for each in re.findall(r"\b\d\db?\b", cell) if each in order
        }
    return made


def faults(page):
    """What is wrong with the plans of `page`, a line each."""
    met, total, stated, where, found = {}, 0, None, "", []
    needs = prerequisites()

    def close():
        if stated is not None and total != stated:
            found.append(f"{where}: its slots add up to {total} minutes, not {stated}")

    for line in page.splitlines():
        head, row, known = HEAD.match(line), ROW.match(line), KNOWN.match(line)
        if head:
            close()
            met = met if head[1] == "###" else {}
            where, total, stated = line.strip("# "), 0, int(head[2]) if head[2] else None
        elif known:
            met = {each: 1.0 for each in re.findall(r"\d+b?", known[1])}
        elif row:
            total += int(row[2])
            takes = list(items(row[4]))
            wants = sum(needed(*each) for each in takes)
            if wants > int(row[2]) + 0.5:
                found.append(f"{where}: {row[4]!r} needs {wants:.0f} of {row[2]} minutes")
            for verb, what in takes:
                found += [f"{where}: {verb} {what} {why}" for why in early(verb, what, met, needs)]
    close()
    return found


def early(verb, what, met, needs):
    """Why a slot comes too early; what it shows is met from here on."""
    if verb in ("paper", "talk", "break"):
        return []
    number = chosen(what)[0] if verb != "do" else lesson_of(what)[0]
    if verb == "do":
        return [] if met.get(number, 0) >= TAKEN else [f"before lesson {number}"]
    late = [need for need in sorted(needs[number]) if met.get(need, 0) < TAKEN]
    whole = sum(each for each, _ in sections(number).values())
    share = sum(each for each, _ in chosen(what)[1].values()) / whole
    met[number] = met.get(number, 0) + share
    return [f"before lesson {need}" for need in late]


def rewritten(page):
    """The page with each slot's clock and needed minutes as they follow from it."""
    clock, lines = None, []
    for line in page.splitlines():
        head, row = HEAD.match(line), ROW.match(line)
        if head:
            hour, minute = (int(head[3] or 0), int(head[4] or 0)) if head[2] else (0, 0)
            clock = datetime.timedelta(hours=hour, minutes=minute)
        elif row:
            wants = sum(needed(*each) for each in items(row[4]))
            at = ":".join(str(clock).split(":")[:2])
            line = f"| {at} | {row[2]} | {wants:.0f} | {row[4]} |" + line[row.end() :]
            clock += datetime.timedelta(minutes=int(row[2]))
        lines.append(line)
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write them into the page")
    text = PAGE.read_text("utf-8")
    if parser.parse_args().write:
        text = rewritten(text)
        with whole_file(PAGE) as temporary:
            temporary.write_text(text, encoding="utf-8")
    else:
        for path in lessons():
            number = path.stem.split("_")[0].lstrip("0")
            for heading, (reading, asked) in sections(number).items():
                print(f"{number:4}{reading:6.1f} min read{asked:3} predictions  {heading}")
    print("\n".join(faults(text)) or "no slot is over, nothing comes too early")
