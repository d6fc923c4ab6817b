"""What the pages say of stored runs, and what holds each sentence to them.

A sentence is held in one of three ways. A `Claim` says more, less or "cannot tell": it has a list
of differences, one a seed, each above zero where that seed agrees. Seeds that draw the same windows
are compared in pairs. A claim holds by the rule of every table (`conclusions.decide`): every seed
agrees and their mean lies three standard errors above zero. A sentence that says no more than that
each seed agrees ("in every seed") needs that alone; one that says that nothing can be told must
have differences that are not told apart. A `Number` is a sentence with holes, which the stored
numbers fill: so filled, it must stand on the page. A `Given` follows from no run: a setting, a
formula, somebody else's figure.

`unheld` finds what is held in none of these ways.
"""

import functools
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lora_np.course.experiments.common import told_apart
from lora_np.course.experiments.conclusions import decide

ROOT = Path(__file__).parents[2]
RESULTS = ROOT / "benchmarks" / "results"
SEEDS = (0, 1, 2)
# A decimal or a percentage; "β = 0.1" is a setting
NUMBER = re.compile(r"(?<![\w.])(?<!= )\d+\.\d+(?![\w.]*\d)|\b\d+ %")
# What only several runs can tell
VERDICT = re.compile(
    r"\b(?:every|each|all|both|two|three|four|five) (?:of )?(?:\w+ )?(?:seed|pair|world)"
    r"|told apart|\b(?:pairs|seeds) (?:do|dis|can|agree)"
)
# What a sentence says that counts the seeds, and leaves open by how much they agree
IN_EVERY = re.compile(r"\bin (?:every|each|all)\b", re.IGNORECASE)
COMPARED = re.compile(
    r"\b(?:more|less|fewer|most|worse|better|best|larger|smaller|higher|lower|behind|ahead|close"
    r"|a (?:third|quarter|tenth|half))\b"
)


class Claim(NamedTuple):
    """`says` stands on `page`; `differences()` is (seeds,)."""

    page: str
    says: str
    differences: Callable
    holds: bool = True  # False: the sentence says that these runs do not decide


class Number(NamedTuple):
    """`says`, its holes filled with `values()`, stands on `page`."""

    page: str
    says: str
    values: Callable


class Given(NamedTuple):
    """`says` stands on `page`, and no stored run is behind it: `why` says what is."""

    page: str
    says: str
    why: str


def margin(differences):
    """(the mean in standard errors, whether every seed agrees)."""
    differences = np.asarray(differences, dtype=float)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean() / error if error else np.inf, bool((differences > 0).all())


def decided(differences):
    """By the rule of every table; two seeds are too few."""
    return len(differences) >= len(SEEDS) and decide(differences) == "above"


def alike(number):
    """A difference that no seed has a part in, as that of two times: the same for each."""
    return np.full(len(SEEDS), number)


def holds(claim):
    """Whether the stored runs decide what `claim` says, or do not, where it says so."""
    differences = np.asarray(claim.differences(), dtype=float)
    if claim.holds and IN_EVERY.search(claim.says):
        return len(differences) >= len(SEEDS) and bool((differences > 0).all())
    if claim.holds:
        return decided(differences)
    return not told_apart(differences, np.zeros_like(differences))


def with_kernel(kernel, folder):
    """Copy the stored results to `folder`, with another kernel's where they are stored."""
    results = folder / "benchmarks" / "results"
    shutil.copytree(RESULTS, results)
    for path in (RESULTS / kernel).glob("*.json"):
        shutil.copy(path, results)
    return results


def stored(name):
    return as_read(RESULTS / f"{name}.json")


@functools.cache
def as_read(path):
    return json.loads(path.read_text("utf-8"))


def in_words(count):
    return "none one two three four five six seven eight nine ten".split()[count]


@functools.cache
def words(page):
    """A page's statements, on one line: no code, link targets, predictions, and no made tables."""
    text = (ROOT / page).read_text("utf-8")
    if page.endswith(".ipynb"):
        cells = json.loads(text)["cells"]
        text = "\n\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    text = re.sub(r"```.*?```|<!-- (\w+): python.*?<!-- end of \1 -->", "", text, flags=re.S)
    text = re.sub(r"^> (?:\*\*Predict|- \([abc]\)).*", "", text, flags=re.M)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    parts = r"[Ss]ections? (?:\d[\d.]* and )?|[Ee]xercises? (?:\d[\d.]* and )?"
    names = rf"(?:{parts}|arXiv |Python |Apache[- ])\d[\d.]*\d|^- \*\*\d+\.\d"
    text = re.sub(names, "", text, flags=re.M)
    return re.sub(r"</?em>|</?b>|[*`]", "", re.sub(r"\s+", " ", text))


def said(held):
    """The words that must stand on its page."""
    return held.says.format(*held.values()) if isinstance(held, Number) else held.says


def unheld(text, phrases, signs=(VERDICT,)):
    """[sentence]: those of `text` with a number, or one of the `signs`, that no phrase holds."""
    held = np.zeros(len(text), dtype=bool)
    for phrase in phrases:
        for found in re.finditer(re.escape(phrase), text):
            held[slice(*found.span())] = True
    left = []
    for sentence in re.finditer(r".+?(?:[.?!](?=\s|<)|[|]|$)", text):
        at, end = sentence.span()
        numbers = [at + n.start() for n in NUMBER.finditer(sentence.group())]
        verdict = any(sign.search(sentence.group()) for sign in signs)
        if not held[numbers].all() or (verdict and not held[at:end].any()):
            left.append(sentence.group().strip())
    return left
