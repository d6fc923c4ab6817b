"""A sentence that says "more" or "less" of trained models holds in every seed, or by a margin."""

import re

import nbformat
import numpy as np
import pytest

from docs.margins import MARGINS_A, ROOT, decided, margin

CLAIMS = [*MARGINS_A]


def words(page):
    """A page's prose, on one line and without its marks of emphasis."""
    path = ROOT / page
    text = path.read_text("utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"</?em>|[*`]", "", re.sub(r"\s+", " ", text))


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.says)
def test_the_stored_runs_decide_what_the_page_says(claim):
    assert claim.says in words(claim.page), f"{claim.page} says so no more: {claim.says!r}"
    differences = np.asarray(claim.differences())
    errors, all_agree = margin(differences)
    said = "holds" if claim.holds else "is undecided"
    assert decided(differences) == claim.holds, (
        f"{claim.page} says that this {said}: {claim.says!r}; the differences are {differences}, "
        f"{errors:.1f} standard errors above zero, all of one sign: {all_agree}"
    )


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ([0.1, 0.5, 0.01], True),  # every seed
        ([0.5, 0.6, 0.5, 0.6, -0.01], True),  # one against, and four standard errors all the same
        ([0.5, 0.2, -0.1], False),
        ([0.5, 0.6], False),  # two seeds are too few
        ([-0.5, -0.6, -0.5], False),
    ],
)
def test_what_counts_as_decided(differences, expected):
    assert decided(differences) == expected
