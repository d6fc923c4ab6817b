"""Export the question bank as Moodle XML, QTI and Anki, into out/questions.

    pip install -e '.[questions]'
    python notebooks/tools/make_questions.py                 one draw of each question
    python notebooks/tools/make_questions.py --draws 5       five, of those that are drawn
    python notebooks/tools/make_questions.py --seed 2027     other numbers
    python notebooks/tools/make_questions.py 03 04           two lessons alone

Moodle: questions.xml, a category a lesson; below it one for each question that is drawn, so that a
quiz can take one of its draws at random. QTI 1.2: a zip a lesson, by the library text2qti. Anki:
questions.apkg, by genanki. Moodle XML is written here: the libraries for it rest, and it is
twenty lines.
"""

import argparse
import string
import time
import xml.etree.ElementTree as ET
from pathlib import Path

import make_cards
from question_bank import bank, chance

from lora_np.system.extras import import_extra
from lora_np.system.files import whole_file

OUT = Path(__file__).resolve().parents[2] / "out" / "questions"


def drawn(questions, draws, seed=0):
    """The Questions with their numbers: up to so many draws of each, no two of them alike."""
    made = []
    for question in questions:
        seen = {}
        for turn in range(draws if "pick(" in question.code else 1):
            each = question.drawn(chance(seed + turn, question.key))
            seen.setdefault(each.text, each)
        made += seen.values()
    return made


def heading(path):
    """'1 · LoRA on six numbers', the first line of a file of the bank."""
    return path.read_text("utf-8").splitlines()[0].removeprefix("# ")


def moodle(lessons):
    """The text of Moodle XML for {path: its Questions, drawn}."""
    quiz = ET.Element("quiz")
    for path, questions in lessons.items():
        draws = {question.key: 0 for question in questions}
        for question in questions:
            draws[question.key] += 1
        for number, question in enumerate(questions):
            where = f"$course$/top/{make_cards.TITLE}/{heading(path).replace('/', '//')}"
            where += f"/{question.key}" if draws[question.key] > 1 else ""
            category = ET.SubElement(quiz, "question", type="category")
            nested(category, "category", where)
            element = ET.SubElement(quiz, "question", type="multichoice")
            nested(element, "name", f"{question.lesson} {number:02} {question.key}")
            nested(element, "questiontext", make_cards.to_html(question.text), format="html")
            for tag, text in (
                ("single", "true"),
                ("shuffleanswers", "true"),
                ("defaultgrade", "1"),
            ):
                ET.SubElement(element, tag).text = text
            for option in question.options:
                answer = nested(
                    element, "answer", make_cards.to_html(option.text),
                    fraction="100" if option.right else "0", format="html",
                )  # fmt: skip
                nested(answer, "feedback", make_cards.to_html(option.why), format="html")
    ET.indent(quiz)
    return ET.tostring(quiz, encoding="unicode", xml_declaration=True)


def nested(parent, tag, text, **attributes):
    """<tag><text>…</text></tag> below `parent`, as Moodle wants most of its texts."""
    element = ET.SubElement(parent, tag, attributes)
    ET.SubElement(element, "text").text = text
    return element


def qti(path, title, questions):
    """Write one lesson's Questions as a QTI package."""
    config, quiz, export = (import_extra(f"text2qti.{name}") for name in ("config", "quiz", "qti"))
    lines = [f"Quiz title: {title}"]
    for number, question in enumerate(questions, 1):
        lines += ["", f"Title: {question.key}", f"{number}. {line(question.text)}"]
        for letter, option in zip(string.ascii_lowercase, question.options):
            lines.append(f"{'*' if option.right else ''}{letter}) {line(option.text)}")
            lines.append(f"... {line(option.why)}")
    settings = config.Config()
    with whole_file(path) as temporary:
        made = export.QTI(quiz.Quiz("\n".join(lines), config=settings, source_name=title))
        made.save(temporary)


def line(text):
    """One line, with no mark that text2qti reads as something of its own."""
    return " ".join(text.split()).replace("$", r"\$")


def anki(path, lessons, timestamp):
    """Write all Questions as a package for Anki, a deck a lesson."""
    notes, names = [], {}
    for path_of, questions in lessons.items():
        deck = f"questions {path_of.stem.split('_')[0]}"
        names[deck] = f"{make_cards.TITLE}, questions::{heading(path_of)}"
        for question in questions:
            letters = string.ascii_lowercase[: len(question.options)]
            (right,) = (i for i, option in enumerate(question.options) if option.right)
            whys = [f"- ({at}) {option.why}" for at, option in zip(letters, question.options)]
            fields = {
                "Where": heading(path_of),
                "Before": "",
                "Question": make_cards.to_html(question.text),
                "Options": "".join(
                    f"<li>{make_cards.to_html(option.text)}</li>" for option in question.options
                ),
                "Answer": letters[right],
                "Why": make_cards.to_html("\n".join(whys)),
            }
            key = ("question", question.key, question.text)
            notes.append(make_cards.Card("prediction", key, deck, fields))
    make_cards.write(path, timestamp, notes, names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("lessons", nargs="*", help="numbers, 03 10b; all if none is named")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chosen = {
        path: drawn(questions, asked.draws, asked.seed)
        for path, questions in bank().items()
        if not asked.lessons or path.stem.split("_")[0] in asked.lessons
    }
    OUT.mkdir(parents=True, exist_ok=True)
    with whole_file(OUT / "questions.xml") as temporary:
        temporary.write_text(moodle(chosen), encoding="utf-8")
    for path, questions in chosen.items():
        qti(OUT / f"{path.stem}.zip", heading(path), questions)
    anki(OUT / "questions.apkg", chosen, time.time())
    count = sum(map(len, chosen.values()))
    sizes = ", ".join(f"{p.name} {p.stat().st_size:,}" for p in sorted(OUT.iterdir()))
    print(f"{count} questions in {OUT}: {sizes} bytes")
