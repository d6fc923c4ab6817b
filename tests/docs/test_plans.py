"""The plans fit: no slot over, nothing before what it stands on, clock and minutes as computed."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import minutes  # noqa: E402
import plans  # noqa: E402

TEXT = plans.PAGE.read_text("utf-8")
WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def test_no_slot_is_over_and_nothing_comes_too_early():
    assert plans.faults(TEXT) == []


def test_the_clock_and_the_minutes_are_those_that_are_computed():
    assert plans.rewritten(TEXT) == TEXT, "run notebooks/tools/plans.py --write"


def test_a_slot_says_what_is_seen_done_and_asked():
    rows = [line for line in TEXT.splitlines() if plans.ROW.match(line)]
    assert len(rows) > 100
    for line in rows:
        _, _, _, _, takes, screen, students, ask, _ = (cell.strip() for cell in line.split("|"))
        if not takes.startswith("break"):
            assert screen or students, line
        if "show" in takes:
            assert screen and ask, line
            asked = sum(
                n for verb, what in plans.items(takes) if verb == "show"
                for _, n in plans.chosen(what)[1].values()
            )  # fmt: skip
            votes = re.search(r"(\w+) votes?\b", students)
            assert WORDS.index(votes[1]) == asked, line


def test_a_lessons_sections_make_up_the_lesson():
    for path in plans.lessons():
        number = path.stem.split("_")[0].lstrip("0")
        whole = minutes.measure(path) | {"seconds": 0}
        parts = plans.sections(number).values()
        assert sum(read for read, _ in parts) == pytest.approx(minutes.minutes(whole), abs=0.5)
        assert sum(asked for _, asked in parts) == whole["predictions"]


PAGE = """## A plan ({total} minutes)
Known before: {known}.
| | {first} | | show 3 §What rank | | | |
| | 20 | | do {exercise} | | | |
"""


@pytest.mark.parametrize(
    "change, fault",
    [
        ({}, None),
        ({"first": 3, "total": 23}, "'show 3 §What rank' needs 4 of 3 minutes"),
        ({"total": 26}, "add up to 25 minutes, not 26"),
        ({"known": "1"}, "show 3 §What rank before lesson 2"),
        ({"exercise": "4.1"}, "do 4.1 before lesson 4"),
        ({"exercise": "3.1"}, "do 3.1 before lesson 3"),  # one section of it is too little
    ],
)
def test_a_plan_that_does_not_work_is_told(change, fault):
    page = PAGE.format(**{"total": 25, "first": 5, "known": "1, 2", "exercise": "2.1"} | change)
    found = plans.faults(page)
    assert found == [] if fault is None else any(fault in each for each in found), found
