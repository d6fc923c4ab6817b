"""The site's sources, before a tool renders them: all pages are there, and links lead to them."""

import json
import re
import sys
from pathlib import Path

import pytest

from lora_np.system.platform import WEBASSEMBLY

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)")
RUN = re.compile(r'href="\.\./lite/notebooks/index\.html\?path=([^"]+)"')
pytestmark = pytest.mark.skipif(WEBASSEMBLY, reason="pyodide is a package of its own there")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(Sphinx's sources, what the notebooks see in the browser)"""
    sys.path.insert(0, str(ROOT / "site"))
    try:
        import content
        import lite

        folder = tmp_path_factory.mktemp("site")
        content.write(folder / "source")
        lite.write_contents(folder / "live")
    finally:
        sys.path.remove(str(ROOT / "site"))
    return folder / "source", folder / "live"


def texts(folder):
    """Each page's file with its markdown."""
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".ipynb":
            cells = json.loads(path.read_text("utf-8"))["cells"]
            markdown = [cell for cell in cells if cell["cell_type"] == "markdown"]
            yield path, "\n\n".join("".join(cell["source"]) for cell in markdown)
        elif path.suffix == ".md" and "source" not in path.relative_to(folder).parts:
            yield path, path.read_text("utf-8")


def test_every_link_of_a_page_leads_to_a_page(made):
    for path, text in texts(made[0]):
        for target in LINK.findall(text):
            assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_every_link_of_a_live_notebook_leads_to_a_file(made):
    for path, text in texts(made[1]):
        if path.suffix == ".ipynb":
            for target in LINK.findall(text):
                assert (path.parent / target).is_file(), f"{path.name}: {target}"


def test_each_lesson_and_exercise_is_rendered_and_runs(made):
    source, live = made
    written = [*(ROOT / "notebooks").glob("*.ipynb")]
    written += (ROOT / "notebooks" / "exercises").glob("*.ipynb")
    pages = {path: text for path, text in texts(source) if path.suffix == ".ipynb"}
    assert len(pages) == len(written)
    for path, text in pages.items():
        (notebook,) = RUN.findall(text)
        assert notebook == f"{path.parent.name}/{path.name}" and (live / notebook).is_file()


def test_a_live_lesson_gives_no_answer_away(made):
    for path in sorted((made[1] / "lessons").glob("*.ipynb")):
        cells = json.loads(path.read_text("utf-8"))["cells"]
        assert not any(cell.get("outputs") for cell in cells), path.name


def test_what_lessons_read_lies_where_they_look_for_it(made):
    for path in sorted((made[1] / "lessons").glob("*.ipynb")):
        for name in re.findall(r"\.\./benchmarks/results/(\w+\.json)", path.read_text("utf-8")):
            assert (path.parent / "../benchmarks/results" / name).is_file(), f"{path.name}: {name}"


def test_docstrings_come_out_as_they_are(made):
    sys.path.insert(0, str(ROOT / "site"))
    from docstrings import restructured

    sys.path.remove(str(ROOT / "site"))
    assert restructured(["y = a*b, `x`s and _n|.", "    formula", "Shapes: x (n,)"]) == [
        r"y = a\*b, \ ``x``\ s and \_n\|.", "", "::", "", "    formula", "",
        "", "**Shapes:** x (n,)", "",
    ]  # fmt: skip
