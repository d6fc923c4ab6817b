"""Lessons in other languages: an empty catalogue changes nothing, a full one keeps the maths."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import make_student  # noqa: E402
import translate  # noqa: E402

LESSONS = translate.lessons()
CATALOGUES = sorted(translate.PLACE.glob("*/*.po"))
SAME = {  # what a translation has as often as its message
    "formulas": r"\$\$.+?\$\$|\$[^$\n]+\$",
    "names in code": r"`[^`]+`",
    "links": r"\]\([^)]+\)",
    "options": r"- \([abc]\)",
    "tags": r"</?\w+>|<summary>Answer",
    "marks": r"\A(?:#+ |yours: |> \*\*Predict\.\*\*|\*\*\([abc]\)\*\*)",
    "rows": r"^\|",
}


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_an_empty_catalogue_gives_the_same_lesson(path):
    notebook = nbformat.read(path, as_version=4)
    made = translate.translated(notebook, translate.empty("de"))
    assert nbformat.writes(made) == nbformat.writes(notebook)


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_catalogue_is_up_to_date_and_keeps_formulas_names_links_and_options(path):
    (lesson,) = (each for each in LESSONS if each.stem == path.stem)
    kept = translate.catalogue(lesson, path.parent.name)
    said = [message.id for message in translate.template(lesson) if message.id]
    assert [m.id for m in kept if m.id] == said, "run notebooks/tools/translate.py update"
    for message in kept:
        if message.id and message.string:
            for what, pattern in SAME.items():
                old, new = (
                    sorted(re.findall(pattern, t, re.M)) for t in (message.id, message.string)
                )
                assert old == new, f"{what}: {message.id!r}"


def test_lesson_1_in_german_is_complete_and_has_the_lessons_form():
    kept = translate.catalogue(LESSONS[0], "de")
    assert all(message.string and not message.fuzzy for message in kept if message.id)
    notebook = nbformat.read(LESSONS[0], as_version=4)
    made = translate.translated(notebook, kept)
    assert made.cells[0].source.startswith("# 1 · LoRA an sechs Zahlen")
    for old, new in zip(notebook.cells, made.cells, strict=True):
        assert (old.cell_type, old.id) == (new.cell_type, new.id)
        if old.cell_type == "code":
            compile(new.source, "cell", "exec")
            holes = [[hole[:2] for hole in make_student.holes(c.source)] for c in (old, new)]
            assert holes[0] == holes[1]


def test_pieces_are_found_where_they_stand_and_nothing_else():
    text = nbformat.v4.new_markdown_cell("# Head\n\n\n$$x = y$$\n\n| a | b |\nTwo words\n")
    assert [piece[2] for piece in translate.pieces(text)] == ["# Head", "| a | b |\nTwo words"]
    code = nbformat.v4.new_code_cell('é = "two words"; d["key"]  # says so\nprint(f"{é} not this")')
    found = translate.pieces(code)
    assert [code.source[start:end] for start, end, *_ in found] == ['"two words"', "says so"]
    messages = translate.empty("de")
    messages.add("two words", 'zwei "Worte"')
    (cell,) = translate.translated(nbformat.v4.new_notebook(cells=[code]), messages).cells
    assert cell.source.startswith('é = \'zwei "Worte"\'; d["key"]  # says so')
