"""The lessons in other languages: their text as gettext catalogues, and built back.

    python notebooks/tools/translate.py update de 01     begin a catalogue, or bring it up to date
    python notebooks/tools/translate.py build de         lessons in German, into out/translations
    python notebooks/tools/translate.py build de --run   the same, run anew

A catalogue is notebooks/translations/LANGUAGE/NN_….po, made and read by Babel; any editor of such
files opens it (Poedit, Weblate). A message is a paragraph of a text cell, a comment of a code cell,
or one of its strings of two words or more that is no f-string. What has no translation, or a fuzzy
one, stays English. Formulas, names in code, links and a line's `yours:` stay as they are; a test
holds that. Not translated: what figures of the package say, and f-strings.
"""

import argparse
import ast
import copy
import datetime
import io
import re
import tokenize
from pathlib import Path

import nbformat
from babel.messages import pofile
from babel.messages.catalog import Catalog
from execute import HERE, execute, lessons

from lora_np.system.files import whole_file

PLACE = HERE / "translations"
OUT = Path(__file__).resolve().parents[2] / "out" / "translations"
DATE = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)  # the same file each time
WORDS = re.compile(r"[^\W\d_]{2,}")
KEPT = re.compile(r"\$\$.*?\$\$|<[^>]+>|^\|[-| ]+\|$", re.S | re.M)


def paragraphs(source):
    """Yield (start, end, text) of what is to be translated in a text cell."""
    for found in re.finditer(r"(?:.|\n(?!\n))+", source):
        text = found[0].strip("\n")
        if WORDS.search(KEPT.sub("", text)):
            start = found.start() + found[0].index(text)
            yield start, start + len(text), text


def words_of_code(source):
    """Yield (start, end, text, how it is written) of comments and plain strings in a code cell."""
    starts = [0]
    for line in source.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        text = token.string.lstrip("# ")
        if token.type == tokenize.COMMENT and WORDS.search(text):
            end = starts[token.end[0] - 1] + token.end[1]
            yield end - len(text), end, text, str
    tree = ast.parse(source)
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
              for part in ast.walk(node)}  # fmt: skip
    lines = source.splitlines(keepends=True)
    for node in ast.walk(tree):
        if not isinstance(getattr(node, "value", None), str) or id(node) in inside:
            continue
        if isinstance(node, ast.Constant) and re.search(r"[^\W\d_]{2,}:? +\w", node.value):
            (a, b), (c, d) = (
                (line, len(lines[line - 1].encode()[:column].decode()))
                for line, column in (
                    (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset),
                )
            )  # fmt: skip
            yield starts[a - 1] + b, starts[c - 1] + d, node.value, repr


def pieces(cell):
    """[(start, end, text, how it is written)] of a cell, in its order."""
    if cell.cell_type == "markdown":
        return [(*piece, str) for piece in paragraphs(cell.source)]
    return sorted(words_of_code(cell.source), key=lambda piece: piece[:2])


def empty(language):
    """A Catalog without messages; its head names nobody, and is the same each time."""
    made = Catalog(
        locale=language, project="lora_np", version="", copyright_holder="the authors of lora_np",
        creation_date=DATE, revision_date=DATE, fuzzy=False,
    )  # fmt: skip
    made.header_comment = "# A lesson of lora_np in another language; notebooks/tools/translate.py."
    return made


def template(path):
    """The Catalog of all that a lesson says, without translations."""
    made = empty(None)
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        for _, _, text, _ in pieces(cell):
            made.add(text, locations=[(path.name, number + 1)])
    return made


def catalogue(path, language):
    """The Catalog of a lesson in a language, as it is kept; empty if there is none."""
    kept = PLACE / language / f"{path.stem}.po"
    if not kept.exists():
        return empty(language)
    with kept.open("rb") as file:
        return pofile.read_po(file, locale=language)


def update(path, language):
    """Write the lesson's catalogue anew: what it says now, with the translations there were."""
    made = catalogue(path, language)
    made.update(template(path), no_fuzzy_matching=False, update_creation_date=False)
    target = PLACE / language / f"{path.stem}.po"
    target.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(target) as temporary, temporary.open("wb") as file:
        pofile.write_po(file, made, width=100, ignore_obsolete=True)
    return made


def translated(notebook, messages):
    """A lesson's notebook with its pieces as the Catalog `messages` has them."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        for start, end, text, written in reversed(pieces(cell)):
            message = messages.get(text)
            if message and message.string and not message.fuzzy:
                said = written(message.string)
                cell.source = cell.source[:start] + said + cell.source[end:]
    return made


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["update", "build"])
    parser.add_argument("language")
    parser.add_argument("lessons", nargs="*", help="numbers, 03 10b; all if none is named")
    parser.add_argument("--run", action="store_true")
    asked = parser.parse_args()
    for path in lessons():
        if asked.lessons and path.stem.split("_")[0] not in asked.lessons:
            continue
        if asked.what == "update":
            made = update(path, asked.language)
        else:
            made = catalogue(path, asked.language)
            target = OUT / asked.language / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(translated(nbformat.read(path, as_version=4), made), target)
            if asked.run:
                nbformat.write(execute(target), target)
        messages = [message for message in made if message.id]
        done = sum(bool(each.string) and not each.fuzzy for each in messages)
        print(f"{path.stem}: {done} of {len(list(template(path))) - 1} messages translated")
