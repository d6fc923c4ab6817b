"""What the pages say of stored runs follows from them, and each such sentence is held."""

import json
import shutil

import numpy as np
import pytest

from docs import margins
from docs.held_claims import HELD_CLAIMS, HELD_README, TABLE
from docs.held_findings import HELD_FINDINGS
from docs.held_lesson_6b import HELD_6B
from docs.held_lesson_8 import HELD_8
from docs.held_lesson_9 import HELD_9
from docs.held_lesson_9b import HELD_9B
from docs.held_lesson_10 import HELD_10
from docs.held_lesson_10b import HELD_10B
from docs.held_lessons_11_13 import HELD_11, HELD_13
from docs.held_which_method import HELD_WHICH, WHICH, which_method
from docs.margins import (
    COMPARED,
    RESULTS,
    VERDICT,
    Claim,
    Number,
    decided,
    holds,
    margin,
    said,
    unheld,
    words,
)

HELD = [
    *HELD_WHICH, *HELD_FINDINGS, *HELD_CLAIMS, *HELD_README, *HELD_6B, *HELD_8, *HELD_9, *HELD_9B,
    *HELD_10, *HELD_10B, *HELD_11, *HELD_13,
]  # fmt: skip
PAGES = list(dict.fromkeys(held.page for held in HELD))
CLAIMS = [held for held in HELD if isinstance(held, Claim)]
# No sentence rests on these
UNREAD = {"conformance", "conformance_breaks", "growth", "peers", "real_context", "real_raft"}
UNREAD |= {"alpha"}  # its slope is of tuned numbers, which stand under "lr" and are kept


@pytest.mark.parametrize("held", HELD, ids=lambda held: held.says)
def test_it_stands_on_its_page(held):
    """A `Number` stands there as the stored numbers fill it."""
    assert said(held) in words(held.page), f"{held.page} does not say: {said(held)!r}"


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.says)
def test_the_stored_runs_decide_what_the_page_says(claim):
    differences, verdict = claim.differences(), "holds" if claim.holds else "is undecided"
    errors, all_above = margin(differences)
    assert holds(claim), (
        f"{claim.page} says that this {verdict}: {claim.says!r}; the differences are "
        f"{differences}, {errors:.1f} standard errors above zero, all above it: {all_above}"
    )


def test_another_kernel_decides_what_the_pages_say_too(monkeypatch, tmp_path):
    """The digits are one kernel's; no sentence that says more, less or "in every" is."""
    kernels = [path.name for path in RESULTS.iterdir() if path.is_dir()]
    assert kernels
    for kernel in kernels:
        monkeypatch.setattr(margins, "RESULTS", margins.with_kernel(kernel, tmp_path / kernel))
        monkeypatch.setattr(which_method, "ROOT", tmp_path / kernel)
        left = [f"{c.page}: {c.says}" for c in CLAIMS if c.holds and not holds(c)]
        assert not left, f"under {kernel} this does not hold: {left}"
        monkeypatch.undo()


@pytest.mark.parametrize("page", PAGES)
def test_each_number_and_each_verdict_over_seeds_is_held(page):
    """On the pages that sum up, each comparison too."""
    signs = (VERDICT, COMPARED) if page in (WHICH, TABLE) else (VERDICT,)
    left = unheld(words(page), [said(held) for held in HELD if held.page == page], signs)
    assert not left, f"add to tests/docs/held_….py what holds, on {page}: {left}"


def changed(value, rng):
    """Each measured number larger or smaller by up to a fifth."""
    if isinstance(value, dict):
        return {k: v if k == "lr" else changed(v, rng) for k, v in value.items()}
    if isinstance(value, list):
        return [changed(each, rng) for each in value]
    return value * rng.uniform(0.8, 1.2) if isinstance(value, float) else value


def fails(held):
    try:
        if isinstance(held, Number) and None in held.values():  # then there is nothing to say
            return True
        return said(held) not in words(held.page) or isinstance(held, Claim) and not holds(held)
    except KeyError:  # another rate is the best now, and ran with fewer seeds
        return True


@pytest.mark.parametrize("name", sorted(path.stem for path in RESULTS.glob("*.json")))
def test_changed_results_are_noticed(name, monkeypatch, tmp_path):
    """For each file of results: what is held above would not be, had they come out otherwise."""
    found = margins.stored(name)

    def noticed(seed):
        results = tmp_path / str(seed) / "benchmarks" / "results"
        shutil.copytree(RESULTS, results)
        other = json.dumps(changed(found, np.random.default_rng(seed)))
        (results / f"{name}.json").write_text(other)
        monkeypatch.setattr(margins, "RESULTS", results)
        monkeypatch.setattr(which_method, "ROOT", tmp_path / str(seed))
        return any(map(fails, HELD))

    seeds = range(1 if name in UNREAD else 4)
    assert any(map(noticed, seeds)) == (name not in UNREAD)


@pytest.mark.parametrize(
    "sentence, is_held",
    [
        ("Its loss is 1.55.", True),
        ("Its loss is 1.56.", False),
        ("Another loses 1.55.", False),
        ("It wins 80 % of them.", False),
        ("LoRA is ahead in every seed.", False),
        ("The pairs disagree.", False),
        ("The two are not told apart.", False),
        ("At β = 0.1 it falls.", True),  # a setting
        ("It falls.", True),
    ],
)
def test_what_counts_as_held(sentence, is_held):
    assert (not unheld(f"First. {sentence} Last.", ["Its loss is 1.55"])) == is_held


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.5, 0.6, 0.5], True),
        ([0.1, 0.5, 0.01], False),  # every seed, by amounts too uneven
        ([0.5, 0.6, 0.5, 0.6, -0.01], False),  # four standard errors, one against
        ([0.5, 0.2, -0.1], False),
        ([0.5, 0.6], False),  # two seeds are too few
        ([-0.5, -0.6, -0.5], False),
    ],
)
def test_what_counts_as_decided(differences, expected):
    assert decided(differences) == expected


def test_a_sentence_that_counts_the_seeds_needs_their_count_alone():
    says, uneven = ("LoRA is ahead", "LoRA is ahead in every seed"), lambda: [0.1, 0.5, 0.01]
    assert [holds(Claim(WHICH, each, uneven)) for each in says] == [False, True]
    assert not holds(Claim(WHICH, says[1], lambda: [0.5, 0.6, -0.01]))
