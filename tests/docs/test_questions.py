"""The question bank: one right answer, a reason for each, whatever is drawn; exports that parse."""

import re
import sys
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402
import make_cards  # noqa: E402
import make_questions  # noqa: E402
import question_bank  # noqa: E402

BANK = question_bank.bank()


def test_each_lesson_has_eight_questions_or_more():
    assert [path.stem for path in BANK] == [path.stem for path in execute.lessons()]
    assert all(len(questions) >= 8 for questions in BANK.values())
    keys = [question.key for questions in BANK.values() for question in questions]
    assert len(set(keys)) == len(keys), "a question stays known by its key"


@pytest.mark.parametrize("path", BANK, ids=lambda path: path.stem)
def test_one_is_right_and_no_distractor_equals_it_whatever_is_drawn(path):
    for question in BANK[path]:
        for drawn in question.variants():
            texts = [re.sub(r"\s", "", option.text) for option in drawn.options]
            assert len(set(texts)) == len(texts) >= 3, f"{question.key}: {texts}"
            assert sum(option.right for option in drawn.options) == 1
            for said in (drawn.text, *texts, *(option.why for option in drawn.options)):
                assert said and not re.search(r"\{\{|\}\}|\b(nan|inf|None)\b", said), (
                    drawn.key,
                    said,
                )


def test_all_choices_are_gone_through():
    code = "a = pick(1, 2)\nb = pick(3, 4, 5) if a == 1 else 0"
    options = tuple(question_bank.Option(i == 0, f"{i}", "why") for i in range(3))
    question = question_bank.Question("01", "k", code, "{{ a }}{{ b }}", options)
    assert [each.text for each in question.variants()] == ["13", "14", "15", "20"]


@pytest.mark.parametrize(
    "change",
    [("- [x] yes\n  why\n", ""), ("- [ ] no", "- [x] no"), ("- [ ] no\n  why", "- [ ] no")],
)
def test_a_question_without_its_parts_is_told(tmp_path, change):
    text = "# T\n\n## key\nAsked?\n- [x] yes\n  why\n- [ ] no\n  why\n- [ ] or\n  why\n"
    path = tmp_path / "01_a.md"
    path.write_text(text, "utf-8")
    assert len(question_bank.read(path)) == 1
    path.write_text(text.replace(*change), "utf-8")
    with pytest.raises(ValueError, match="01_a.md, key"):
        question_bank.read(path)


@pytest.mark.parametrize("number, text", [(0.0123, "0.0123"), (1234567, "1,230,000"), (0, "0")])
def test_three_digits(number, text):
    assert question_bank.sig(number) == text


@pytest.fixture(scope="module")
def drawn():
    """The bank of two lessons, each question once."""
    return {path: make_questions.drawn(BANK[path], 1) for path in list(BANK)[:2]}


def test_moodle_gets_one_full_mark_and_a_reason_for_each_answer(drawn):
    root = ET.fromstring(make_questions.moodle(drawn))
    made = [each for each in root if each.get("type") == "multichoice"]
    assert len(made) == sum(map(len, drawn.values()))
    for element, question in zip(made, (q for each in drawn.values() for q in each)):
        answers = element.findall("answer")
        fractions = [answer.get("fraction") for answer in answers]
        assert sorted(fractions) == ["0"] * (len(answers) - 1) + ["100"]
        assert [option.right for option in question.options] == [f == "100" for f in fractions]
        assert all(answer.findtext("text") for answer in answers)
        assert all(answer.findtext("feedback/text") for answer in answers)
        assert element.findtext("single") == "true" and element.findtext("questiontext/text")


@pytest.mark.extra("text2qti")
def test_qti_has_each_question_its_right_answer_and_the_reasons(drawn, tmp_path):
    make_questions.qti(tmp_path / "a.zip", "Title", list(drawn.values())[0])
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        texts = {name: archive.read(name) for name in archive.namelist() if name.endswith(".xml")}
    assert any(name.endswith("imsmanifest.xml") for name in texts)
    (body,) = (text for text in texts.values() if b"<questestinterop" in text and b"<item " in text)
    name = "{http://www.imsglobal.org/xsd/ims_qtiasiv1p2}"
    items = ET.fromstring(body).findall(f".//{name}item")
    for item, question in zip(items, list(drawn.values())[0], strict=True):
        labels = item.findall(f".//{name}response_label")
        right = [
            each.findtext(f".//{name}varequal")
            for each in item.findall(f".//{name}respcondition")
            if each.findtext(f"{name}setvar") == "100"
        ]
        assert [label.get("ident") in right for label in labels] == [
            option.right for option in question.options
        ]
        assert len(item.findall(f"{name}itemfeedback")) >= len(labels)


@pytest.mark.extra("genanki")
def test_anki_gets_a_card_for_each_that_tells_nothing_in_front(drawn, tmp_path):
    make_questions.anki(tmp_path / "a.apkg", drawn, timestamp=1.0)
    kept = make_cards.kept(tmp_path / "a.apkg")
    assert len(kept) == sum(map(len, drawn.values()))
    for _, (_, _, asked, options, letter, why) in kept.values():
        assert asked and letter in "abcdef" and options.count("<li>") > "abcdef".index(letter)
        assert why and why not in options


def test_draws_of_a_parameterised_question_differ_and_others_come_once():
    (path, *_) = BANK
    many = make_questions.drawn(BANK[path], 3)
    texts = [(q.key, q.text) for q in many]
    assert len(set(texts)) == len(texts) > len(BANK[path])
    plain = [q.key for q in BANK[path] if not q.code]
    assert all([q.key for q in many].count(key) == 1 for key in plain)
