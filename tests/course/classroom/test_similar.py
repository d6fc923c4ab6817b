"""Copies are found under new names; the template, and what many write, is no copy."""

import re

import other_answers
from test_exercises import MASTERS

from lora_np.course.classroom.handed_in import Submission
from lora_np.course.classroom.masters import answers, read, stamp, student
from lora_np.course.classroom.similar import fingerprints, similar

OWN = {"1.3": other_answers.TINY_START, "2.1": other_answers.LOOPS, "2.3": other_answers.CLOSURE}
OTHERS = [
    {"2.2": other_answers.IN_PLACE}, {"2.4": other_answers.DOUBLED}, {"2.6": other_answers.ASSERTS},
    {"3.1": other_answers.BY_W}, {"3.2": other_answers.FLAT}, {"3.3": other_answers.PROJECTION},
    {"9.4": other_answers.VERA}, {"13.3": other_answers.BY_INDEX},
]  # fmt: skip
GIVEN = [
    {number: cells for number, (cells, _) in answers(student(stamp(read(path)))).items()}
    for path in MASTERS[:2]
]


def handed_in(name, own):
    """A student's answers: all that was given, and cells of their own."""
    given = {number: list(cells) for each in GIVEN for number, cells in each.items()}
    for number, source in own.items():
        given.setdefault(number, []).append(source)
    return Submission(name, None, answers=given)


def disguised(source):
    """Other names, other line breaks, comments: the same program."""
    names = {
        "lr": "eta",
        "steps": "count",
        "dA": "gA",
        "dB": "gB",
        "dW": "g",
        "dx": "gx",
        "i": "at",
    }
    for old, new in names.items():
        source = re.sub(rf"\b{old}\b", new, source)
    return "# my own work\n\n" + source.replace("(", "(  # so\n")


def test_a_copy_in_disguise_is_found_and_nothing_else():
    copied = {number: disguised(source) for number, source in OWN.items()}
    assert copied != OWN
    class_ = [handed_in("amy", OWN), handed_in("ben", copied)]
    class_ += [handed_in(f"other {n}", own) for n, own in enumerate(OTHERS)]
    for given in (GIVEN, ()):  # a class is large enough to tell what it was given
        (row,) = similar(class_, given)
        assert (row["one"], row["other"]) == ("amy", "ben")
        assert row["share"] > 0.9 and row["exercises"] == "1.3 2.1 2.3"


def test_what_two_were_given_is_no_copy():
    assert similar([handed_in("amy", {}), handed_in("ben", {})]), "two alone cannot tell"
    assert not similar([handed_in("amy", {}), handed_in("ben", {})], GIVEN)


def test_what_many_wrote_is_no_copy():
    assert not similar([handed_in(f"{n}", OWN) for n in range(10)], GIVEN)


def test_what_does_not_parse_has_no_fingerprints():
    assert fingerprints(["x = (", "%%bash\nls", ""]) == set()
    assert fingerprints([other_answers.LOOPS, "x = ("]) == fingerprints([other_answers.LOOPS])
