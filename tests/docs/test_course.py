"""The lessons are one course: they open alike, end alike, and their links lead somewhere."""

import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
sys.path[:0] = [str(NOTEBOOKS / "tools"), str(ROOT / "benchmarks" / "tuning")]

import evidence_page  # noqa: E402
import execute  # noqa: E402
import which_method  # noqa: E402

LESSONS = execute.lessons()
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(
        path
        for folder in ("notebooks", "tests", "benchmarks")
        for path in ROOT.glob(f"{folder}/**/*.md")
    ),
    *LESSONS,
]
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


def cells(path):
    return nbformat.read(path, as_version=4).cells


def prose(path):
    """The words of a page: a notebook's markdown, or the file."""
    if path.suffix == ".md":
        return path.read_text("utf-8")
    return "\n\n".join(cell.source for cell in cells(path) if cell.cell_type == "markdown")


def number(path):
    """'10b' of 10b_rlhf.ipynb; numbers sort as the lessons do."""
    return path.stem.split("_")[0]


@each_lesson
def test_it_opens_with_its_question_minutes_needs_and_aims(path):
    first = cells(path)[0].source
    assert re.match(rf"# {number(path).lstrip('0')} · ", first)
    assert "**The question.**" in first
    for row in (r"\| Time \| \d+ minutes", r"\| You need \| \w", r"\| Afterwards you can \| \w"):
        assert re.search(row, first), row


@each_lesson
def test_a_picture_comes_early_and_the_lesson_is_not_long(path):
    code = [cell for cell in cells(path) if cell.cell_type == "code"]
    pictures = ["<img" in str(cell.outputs) for cell in code]
    assert True in pictures[:4]
    assert len(cells(path)) <= 30


@each_lesson
def test_it_predicts_checks_and_ends_with_a_self_test(path):
    text = prose(path)
    assert text.count("**Predict.**") >= 2 and "What people get wrong" in text
    end = text[text.index("## Test yourself") :]
    assert end.count("<details>") == 5 and end.count("</details>") == 5
    assert re.search(r"\*\*Read next", end)
    assert text.count("<details>") == text.count("</details>")


@each_lesson
def test_code_fits_a_page(path):
    for cell in cells(path):
        if cell.cell_type == "code":
            assert max(map(len, cell.source.splitlines())) <= 84, cell.source


def test_the_syllabus_agrees_with_the_lessons():
    page = prose(NOTEBOOKS / "README.md")
    rows = re.findall(r"^\| \[(\w+)\]\((\S+)\) [^|]*\|[^|]*\| (\d+) \|", page, re.M)
    assert [name for _, name, _ in rows] == [path.name for path in LESSONS]
    for (short, name, minutes), path in zip(rows, LESSONS):
        assert short == number(path)
        assert f"| Time | {minutes} minutes" in cells(path)[0].source, name


def test_no_term_comes_before_its_home_lesson():
    glossary = prose(NOTEBOOKS / "README.md").split("home lessons")[1]
    terms = re.findall(r"^\| ([\w -]+) \| .* \| (\d+\w?)\b.* \|$", glossary, re.M)
    assert len(terms) >= 10
    for term, home in terms:
        flags = re.I if term.islower() else 0
        pattern = re.compile(rf"\b{term[:-1] if term.endswith('y') else term}", flags)
        homes = [path for path in LESSONS if number(path) == home]
        assert pattern.search(prose(homes[0])), f"{term!r} is not in lesson {home}"
        for path in LESSONS:
            if number(path) < home:
                found = pattern.search(prose(path))
                assert not found, f"lesson {number(path)} uses {term!r}, whose home is {home}"


def anchors(path):
    """What `#…` can follow the page's name: Jupyter's form in notebooks, GitHub's in Markdown."""
    heads = re.findall(r"^#+ (.+)$", prose(path), re.M)
    if path.suffix == ".ipynb":
        return {re.sub(r"[$*`]", "", head).strip().replace(" ", "-") for head in heads}
    return {re.sub(r"[^\w\- ]", "", head.lower()).strip().replace(" ", "-") for head in heads}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if target.startswith("http"):
            continue
        name, _, anchor = target.partition("#")
        page = path.parent / name if name else path
        assert page.exists(), target
        if anchor:
            assert anchor in anchors(page), f"{target}: there are {sorted(anchors(page))}"


def test_every_claim_of_the_document_has_its_cell():
    rows = re.findall(r"^\| (\d+) \|.*$", prose(NOTEBOOKS / "CLAIMS.md"), re.M)
    assert rows == [str(n) for n in range(1, 36)]
    said = re.findall(r"^(\d+)\. \w", prose(NOTEBOOKS / "DOCUMENT.md"), re.M)
    assert said == rows, "the page of what it says has the same numbers"
    for line in prose(NOTEBOOKS / "CLAIMS.md").splitlines():
        if re.match(r"\| \d+ \|", line) and not line.startswith("| 35 |"):
            assert re.search(r"\]\([\w.]+\.ipynb#\S+\)", line), line


def test_the_page_of_methods_is_made_from_the_stored_tables():
    kept = which_method.PAGE.read_text("utf-8")
    assert which_method.page(kept) == kept, "run python benchmarks/tuning/which_method.py"


def test_the_page_of_conclusions_is_made_from_the_stored_runs():
    made = evidence_page.page()
    assert evidence_page.PAGE.read_text("utf-8") == made, "run benchmarks/tuning/evidence_page.py"


# A lesson's number, minutes and needs, in the syllabus
ROW = r"^\| \[(\w+)\]\(\S+\) [^|]*\|[^|]*\| (\d+) \| ([^|]*) \|"


def lessons_in(needs):
    """{'01', '02', '07'} of '01 to 02, 07; the model, 98 MB'."""
    found = set(re.findall(r"\b\d\db?\b(?! MB)", needs))
    for first, last in re.findall(r"\b(\d\d) to (\d\d)\b", needs):
        found |= {f"{n:02}" for n in range(int(first), int(last) + 1)}
    return found


def test_a_lesson_needs_only_earlier_ones():
    rows = re.findall(ROW, prose(NOTEBOOKS / "README.md"), re.M)
    assert len(rows) == len(LESSONS)
    for lesson, _, needs in rows:
        assert all(other < lesson for other in lessons_in(needs)), lesson


def test_the_short_way_has_what_its_lessons_need():
    """Each lesson on it needs those before it on the way, or the one that it takes as known."""
    page = prose(NOTEBOOKS / "README.md")
    short = r"The short way, (\d+) minutes for those who know what (\d\d) teaches.*?:(.*?)\."
    minutes, known, way = re.search(short, page, re.S).groups()
    rows = {lesson: rest for lesson, *rest in re.findall(ROW, page, re.M)}
    way, ready = re.findall(r"\d\d", way), {known}
    for lesson in way:
        assert lessons_in(rows[lesson][1]) <= ready, lesson
        ready.add(lesson)
    assert sum(int(rows[lesson][0]) for lesson in way) == int(minutes)
