"""The teacher's guide says what is so."""

import re

from test_exercises import ROOT

from lora_np.__main__ import make_parser
from lora_np.course.classroom import exercise

GUIDE = (ROOT / "notebooks/teacher/TEACHING.md").read_text(encoding="utf-8")


def test_each_lesson_has_its_row_with_its_own_minutes():
    lessons = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
    assert len(lessons) == 18
    for path in lessons:
        number = path.name.split("_")[0].lstrip("0")
        text = path.read_text(encoding="utf-8")
        minutes = re.search(r"\| Time \| (\d+) minutes", text)[1]
        exercises = re.search(r"smallest input that fails \((\d+) minutes\)", text)
        row = f"{minutes} + {exercises[1] if exercises else '[0-9]+'}"
        assert re.search(rf"^\| {number} [^|]*\| {row.replace('+', '[+]', 1)} \|", GUIDE, re.M), (
            path
        )


def test_links_and_options_exist():
    for link in re.findall(r"\]\((#[^)]+)\)", GUIDE):
        headings = [re.sub(r"[^\w -]", "", h.lower()) for h in re.findall("^## (.+)$", GUIDE, re.M)]
        assert link[1:] in [heading.replace(" ", "-") for heading in headings], link
    for path in re.findall(r"`((?:notebooks|lora_np|tests)/[\w/]+(?:\.py)?)`", GUIDE):
        assert "NN" in path or (ROOT / path).exists(), path
    options = re.findall(r"`(--[a-z]+)`", GUIDE)
    grade = make_parser().parse_args(["grade", "x", "--out", "y", "--json"])
    assert options and all(hasattr(grade, option[2:]) for option in options), options


def test_each_explanation_has_what_earns_it_and_what_people_write_instead():
    text = (ROOT / "notebooks/teacher/EXPLANATIONS.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^### (\d+\.\d) (.+?)(?=^### |\Z)", text, re.M | re.S))
    asked = [
        each.number
        for lesson in range(1, 14)
        for each in exercise.of_lesson(lesson)
        if each.kind == "predict and explain"
    ]
    assert list(found) == asked
    for number, part in found.items():
        assert "**The point**" in part, number
        assert len(re.findall(r"^\| \"", part, re.M)) >= 3, f"{number}: usual wrong explanations"
