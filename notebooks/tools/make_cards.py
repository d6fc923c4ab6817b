"""Make spaced-repetition cards for Anki, notebooks/cards.apkg, of the lessons and the glossary.

    pip install genanki
    python notebooks/tools/make_cards.py

A card for each prediction of the lessons (the question and its options; behind, the answer and what
is wrong with the others) and for each row of the two glossaries in notebooks/README.md. A note's
identity is its lesson and cell, or its term, so what is imported again updates the card and keeps
its history. Anki takes what is newer: the file is written, with the present time, only if a card
has changed.
"""

import argparse
import hashlib
import html
import json
import re
import sqlite3
import tempfile
import time
import zipfile
import zlib
from dataclasses import dataclass

import nbformat
from card_look import CSS, TEMPLATES
from execute import HERE, lessons
from nbconvert.filters.markdown import markdown2html
from sheet_numbers import rows_of

from lora_np.system.extras import import_extra
from lora_np.system.files import whole_file

CARDS = HERE / "cards.apkg"
TITLE = "LoRA and QLoRA"
IDS = {"prediction": 1702600101, "term": 1702600102, "symbol": 1702600103}
BOX = re.compile(r"^> \*\*Predict\.\*\*.*\n?(?:^>.*\n?)*", re.M)
HEADING = re.compile(r"^##+ (.+)$", re.M)
ANSWER = re.compile(
    r"<details><summary>Answer</summary>\n\n\*\*\(([abc])\)\.?\*\*(.*?)</details>", re.S
)
MATH = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?! )((?:[^$\\]|\\.)+?)(?<! )\$", re.S)


@dataclass(frozen=True)
class Card:
    """One note: `key` is what it stays known by; `fields` are HTML, in the order of its kind."""

    kind: str
    key: tuple
    lesson: str
    fields: dict

    @property
    def guid(self):
        return hashlib.sha256(" ".join(map(str, ("lora_np", *self.key))).encode()).hexdigest()[:16]


def to_html(markdown):
    """Markdown with $formulas$ as HTML with \\(formulas\\), which Anki hands to MathJax.

    Links into the course lose their target, for a card lies elsewhere.
    """
    kept = []

    def keep(found):
        block, inline = found.groups()
        left, right = (r"\[", r"\]") if block else (r"\(", r"\)")
        kept.append(f"{left}{html.escape((block or inline).strip(), quote=False)}{right}")
        return f"FORMULA{len(kept) - 1}END"

    text = re.sub(r"\[([^]]+)\]\((?!https?:)[^)]+\)", r"\1", markdown)
    parts = re.split(r"(```.*?```|`[^`\n]+`)", text, flags=re.S)  # no formulas in code
    text = "".join(part if part.startswith("`") else MATH.sub(keep, part) for part in parts)
    made = markdown2html(text.strip())
    return re.sub(r"FORMULA(\d+)END", lambda found: kept[int(found[1])], made).strip()


def title(cells):
    """'7 · A small GPT' of a lesson's first line."""
    return cells[0].source.splitlines()[0].removeprefix("# ")


def predictions(path):
    """The Cards of a lesson: each box with options, and the answer that comes as far down."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "markdown"]
    number, made, section, last = path.stem.split("_")[0], [], "", ""
    answers = ANSWER.findall("\n\n".join(cell.source for cell in cells))
    for cell in cells:
        source, end = re.sub(r"<details>.*?</details>", "", cell.source, flags=re.S), 0
        for place, box in enumerate(BOX.finditer(source)):
            said, end = source[end : box.start()], box.end()
            section = (HEADING.findall(said) or [section])[-1]
            said = HEADING.split(said)[-1].strip() or last
            fields = question(f"{title(cells)} › {section}", said, box[0])
            fields |= reply(*answers[len(made)])
            made.append(Card("prediction", (number, cell.id, place), number, fields))
        section = (HEADING.findall(source) or [section])[-1]
        last = BOX.sub("", HEADING.split(source)[-1]).strip().split("\n\n")[-1]
    if len(made) != len(answers):
        raise ValueError(f"{path.name}: {len(made)} predictions, and {len(answers)} answers")
    return made


def question(where, said, box):
    """The front: where it stands in the course, what was said just before, and the options."""
    lines = [line.removeprefix(">").strip() for line in box.splitlines()]
    asked = " ".join(line for line in lines if not line.startswith("- (")).split("** ", 1)[1]
    options = [re.sub(r"^- \(([abc])\) ", "", line) for line in lines if line.startswith("- (")]
    return {
        "Where": MATH.sub(r"\\(\2\\)", html.escape(where, quote=False)),
        "Before": to_html(said),
        "Question": to_html(asked),
        "Options": "".join(f"<li>{to_html(option)}</li>" for option in options),
    }


def reply(letter, why):
    """The back: the answer, why, and what is wrong with the others."""
    return {"Answer": letter, "Why": to_html(why.lstrip(" .,:;\n"))}


def glossary():
    """The Cards of both tables in notebooks/README.md."""
    heads = ["shape here", "name in code", "in the papers", "in PEFT"]
    for term, meaning, home in rows_of("README.md", "term"):
        fields = {"Term": to_html(term), "Meaning": to_html(meaning), "Home": home}
        yield Card("term", ("term", term), re.match(r"\w+", home)[0], fields)
    for symbol, *rest in rows_of("README.md", "symbol"):
        rows = "".join(
            f"<tr><th>{head}</th><td>{to_html(cell)}</td></tr>"
            for head, cell in zip(heads, rest)
            if cell
        )
        fields = {"Symbol": to_html(symbol), "Names": f"<table>{rows}</table>"}
        yield Card("symbol", ("symbol", symbol), "symbols", fields)


def cards():
    """All of them, in the order of the course."""
    return [card for path in lessons() for card in predictions(path)] + list(glossary())


def decks():
    """{lesson: its deck's name}, one deck inside the other."""
    names = {
        path.stem.split("_")[0]: title(nbformat.read(path, as_version=4).cells)
        for path in lessons()
    }
    below = {
        number: f"{TITLE}::{number} {name.split(' · ')[1]}".replace("$", "")
        for number, name in names.items()
    }
    return below | {"symbols": f"{TITLE}::symbols"}


def write(path, timestamp, notes=None, names=None):
    """The package of `notes`, Cards, in decks of these names: those of the course, as it is now."""
    genanki = import_extra("genanki")
    models = {
        kind: genanki.Model(
            IDS[kind], f"lora_np {kind}", fields=[{"name": name} for name in names],
            templates=[{"name": kind, "qfmt": front, "afmt": back}], css=CSS,
        )
        for kind, (names, front, back) in TEMPLATES.items()
    }  # fmt: skip
    made = {
        lesson: genanki.Deck(1 << 30 | zlib.crc32(f"lora_np {lesson}".encode()) >> 2, name)
        for lesson, name in (names or decks()).items()
    }
    for card in notes or cards():
        made[card.lesson].add_note(
            genanki.Note(
                models[card.kind], list(card.fields.values()),
                guid=card.guid, tags=["lora_np", card.kind],
            )
        )  # fmt: skip
    with whole_file(path) as temporary:
        genanki.Package(list(made.values())).write_to_file(temporary, timestamp)


def content():
    """{a note's guid: (its deck's name, its fields)} of the Cards as they are now."""
    names = decks()
    return {card.guid: (names[card.lesson], list(card.fields.values())) for card in cards()}


def kept(path):
    """The same of a package, which is a database in an archive."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(path) as package:
        database = sqlite3.connect(package.extract("collection.anki2", folder))
        names = json.loads(database.execute("SELECT decks FROM col").fetchone()[0])
        rows = database.execute(
            "SELECT guid, did, flds FROM notes JOIN cards ON cards.nid = notes.id"
        ).fetchall()
        database.close()
    return {guid: (names[str(deck)]["name"], text.split("\x1f")) for guid, deck, text in rows}


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    changed = not CARDS.exists() or kept(CARDS) != content()
    if changed:
        write(CARDS, time.time())
    print(f"{len(content())} cards in {CARDS}" + ("" if changed else ", as they were"))
