"""One symbol, one meaning: every formula of the course is held to the tables in README.md."""

import ast
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402
import sheet_numbers  # noqa: E402

PAGES = [*execute.lessons(), *sorted((ROOT / "notebooks" / "solutions").glob("*.ipynb"))]
FORMULA = re.compile(r"\$\$(.+?)\$\$|(?<![\\$])\$(?! )((?:[^$\\]|\\.)+?)(?<! )\$", re.S)
GREEK = {
    "α": "alpha", "β": "beta", "Δ": "Delta", "ε": "epsilon", "η": "eta", "λ": "lambda", "π": "pi",
    "ρ": "rho", "σ": "sigma", "τ": "tau", "φ": "phi", "Φ": "Phi", "ψ": "psi",
}  # fmt: skip
HATS = {"Ŵ": "W", "Â": "A"}  # each a symbol of its own
BOTH = {"m", "v", "k", "π"}  # as the whole field writes them
# What a lesson's code must not call by these letters, which have their meaning elsewhere
TAKEN = {
    "02": "q c", "07": "Q K V E l", "09": "D U V c w", "10": "T q w",
    "10b": "b r h u", "11": "D b", "12": "D U V", "13": "w",
}  # fmt: skip


def tables():
    """{symbol: its lessons, None for all} of both tables, one entry a mention."""
    everywhere = [cell for cell, *_ in sheet_numbers.rows_of("README.md", "symbol")]
    below = (ROOT / "notebooks/README.md").read_text("utf-8").split("## Symbols that only some")[1]
    some = re.findall(r"^\| (.+?) \| .+? \| ((?:all|[\db, ]+)) \|$", below.split("## ")[0], re.M)
    found = [(symbol, None) for cell in everywhere for symbol in cell.split(", ")]
    for cell, lessons in some:
        home = None if lessons == "all" else set(lessons.split(", "))
        found += [(symbol, home) for symbol in cell.split(", ")]
    return found


def symbols_of(formula):
    """The single letters of a formula, Greek ones by their sign; hats stay on."""
    text = re.sub(r"\\(?:text|mathrm|mathtt|operatorname)\{[^}]*\}", " ", formula)
    text = re.sub(r"\^T|\^\{T\}", " ", text)  # transposed
    text = re.sub(r"(?<=[\w}])_\{?(?:[a-z]{2,})\}?", " ", text)  # W_{down}
    for sign, name in GREEK.items():
        text = re.sub(rf"\\(?:var)?{name}(?![A-Za-z])", f" {sign} ", text)
    text = re.sub(r"Δ\s*W", " ", text)  # one symbol, on the first table
    for sign, letter in HATS.items():
        text = text.replace(rf"\hat {letter}", f" {sign} ")
    text = re.sub(r"\\[a-zA-Z]+", " ", text)
    text = re.sub(r"β\s*_(\d)", lambda found: f"β{'₀₁₂'[int(found[1])]}", text)
    letters = r"(?<![A-Za-z])d?[A-Za-z](?![A-Za-z])"  # dx is x's gradient
    signs = "".join(GREEK) + "".join(HATS)
    found = {each[-1] for each in re.findall(letters, text)} - {"d"}
    return found | set(re.findall(rf"β[₁₂]|[{signs}]", text))


def number(path):
    """'09' of a lesson and of its exercises."""
    return path.stem.split("_")[0]


def test_a_formula_is_taken_apart():
    assert symbols_of(r"W' = W + s\,AB, \mathrm{KL}(p_{teacher} \| p)") == {"W", "s", "p"}
    assert symbols_of(r"\hat A\,(x^T dy) \cdot \beta_1 \sigma_k") == {"Â", "x", "y", "β₁", "σ", "k"}


def test_a_symbol_is_listed_once():
    listed = [symbol for symbol, _ in tables()]
    assert len(listed) > 60
    twice = {symbol for symbol in listed if listed.count(symbol) > 1}
    assert twice == BOTH and all(listed.count(symbol) == 2 for symbol in twice)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: f"{path.parent.name} {path.stem}")
def test_a_lessons_symbols_are_those_of_the_tables(path):
    lesson = number(path)
    # lessons 6 and 6b, 10 and 10b share their exercises
    shared = {"06", "10"} if path.parent.name == "solutions" else set()
    here = {lesson, lesson + "b"} if lesson in shared else {lesson}
    known = {symbol for symbol, home in tables() if home is None or home & here}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            for found in FORMULA.finditer(cell.source):
                unknown = symbols_of(found[1] or found[2]) - known
                assert not unknown, f"{unknown} in {found[0]!r}: not of lesson {lesson}"


@pytest.mark.parametrize("path", execute.lessons(), ids=lambda path: path.stem)
def test_code_does_not_give_a_letter_a_second_meaning(path):
    taken = set(TAKEN.get(number(path), "").split())
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    assert node.id not in taken, f"{node.id} in {cell.source}"
