"""The cards for Anki: one for each prediction and each row of the glossaries, none of them empty,
and no answer on a front."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import card_look  # noqa: E402
import execute  # noqa: E402
import make_cards  # noqa: E402


@pytest.fixture(scope="module")
def cards():
    return make_cards.cards()


def of_kind(cards, kind):
    return [card for card in cards if card.kind == kind]


def bare(text):
    """Words alone: another version of the converter may set other tags and spaces."""
    return re.sub(r"<[^>]+>|\s", "", text)


def test_a_card_for_each_prediction(cards):
    made = of_kind(cards, "prediction")
    for path in execute.lessons():
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells)
        number, asked = path.stem.split("_")[0], text.count("> **Predict.**")
        assert sum(card.lesson == number for card in made) == asked >= 2
        right = re.findall(r"<summary>Answer</summary>\n\n\*\*\(([abc])\)", text)
        assert [card.fields["Answer"] for card in made if card.lesson == number] == right


def test_a_card_for_each_row_of_both_glossaries(cards):
    page = (ROOT / "notebooks" / "README.md").read_text("utf-8")
    symbols, terms = page.split("## Glossary: symbols")[1].split("## Glossary: terms")
    symbols = symbols.split("## Symbols that only some lessons use")[0]
    for kind, table in (("symbol", symbols), ("term", terms)):
        rows = re.findall(r"^\| (.+?) \|", table, re.M)
        assert [card.key[1] for card in of_kind(cards, kind)] == rows[1:], "all but the head"


def test_no_card_is_empty(cards):
    for card in cards:
        names, *_ = card_look.TEMPLATES[card.kind]
        assert tuple(card.fields) == names
        for name, text in card.fields.items():
            assert bare(text), f"{card.key}: {name}"
            assert "$" not in bare(text), f"{card.key}: a formula that MathJax would not find"
            assert text.count(r"\(") == text.count(r"\)") and text.count(r"\[") == text.count(r"\]")
            assert "FORMULA" not in text
    assert len({card.guid for card in cards}) == len(cards)


def test_a_front_has_three_options_and_tells_nothing(cards):
    """It reads none of the back's fields, names no letter, and marks no option."""
    for names, front, _ in card_look.TEMPLATES.values():
        behind = {"Answer", "Why", "Meaning", "Home", "Names"} & set(names)
        assert behind and not any(name in front for name in behind)
    for card in of_kind(cards, "prediction"):
        shown = [card.fields[name] for name in ("Where", "Before", "Question", "Options")]
        assert card.fields["Options"].count("<li>") == 3 + card.fields["Options"].count("<ul>")
        assert not re.search(r"\([abc]\)|<details|Answer|<strong>", "".join(shown[2:])), card.key
        assert not re.search(r"\*\*\([abc]\)|<details|Answer", shown[1]), card.key
        assert bare(card.fields["Why"])[:40] not in bare("".join(shown)), card.key


def test_a_formula_becomes_mathjaxs_and_a_link_its_words():
    made = make_cards.to_html(
        "[Lesson 8](08_real_text.ipynb): $a < b$ and `$x$`, 5 \\$ each.\n\n$$W$$"
    )
    assert r"Lesson 8: \(a &lt; b\) and <code>$x$</code>" in made
    assert r"\[W\]" in made and "ipynb" not in made


def test_the_cards_that_are_kept_are_those_of_the_lessons():
    kept, made = make_cards.kept(make_cards.CARDS), make_cards.content()
    assert set(kept) == set(made), "run notebooks/tools/make_cards.py"
    for guid, (deck, fields) in made.items():
        assert kept[guid][0] == deck
        assert [*map(bare, kept[guid][1])] == [*map(bare, fields)], "run make_cards.py"


@pytest.mark.extra("genanki")
def test_a_package_holds_them_and_is_the_same_again(tmp_path):
    """The same notes and decks each time: what is imported again is no other card."""
    held = []
    for name in ("one.apkg", "two.apkg"):
        make_cards.write(tmp_path / name, timestamp=1.0)
        held.append(make_cards.kept(tmp_path / name))
    assert held[0] == held[1] == make_cards.content()
