"""What a reader who cannot see the page, or not its colours, would miss in a lesson, statically.

    python tests/docs/accessible.py [FOLDER]     a table of what is found, by kind and folder

WCAG 2.2, level AA, as far as a notebook's text and committed outputs decide it: 1.1.1 (text for
what is not text), 1.3.1 (structure in the markup), 1.4.1 (not by colour alone), 2.4.4 (a link says
where it leads), 2.4.6 (headings). The site's tests run axe on the pages that are made of them.
"""

import argparse
import collections
import json
import re
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = ("notebooks", "notebooks/student", "notebooks/exercises", "notebooks/solutions")
KINDS = (
    "image without text", "table without header", "empty header", "heading skips",
    "link says nothing", "by colour alone", "fold without name",
)  # fmt: skip
LEAST = 20  # characters of alternative text, as figures have to have
EMPTY_WORDS = {
    "here",
    "this",
    "link",
    "more",
    "click here",
    "this page",
    "page",
    "read more",
    "see",
}
COLOUR = r"(?:blue|orange|green|red|pink|purple|yellow|grey|gray)"
BY_COLOUR = re.compile(
    rf"\b{COLOUR}(?:-coloured)? (?:line|curve|bar|dot|point|box|part|area)s?\b", re.I
)
FENCE = re.compile(r"^(```|~~~).*?^\1", re.M | re.S)
TEXT_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\[\]]*\])+)\]\([^)\s]+\)")
IMAGE = re.compile(r"!\[([^\]]*)\]\(")
HEADER = re.compile(r"^(\|.*\|)[ ]*\n\|[ :|-]+\|[ ]*$", re.M)


class Page(HTMLParser):
    """Images, tables and folds of a piece of HTML."""

    def __init__(self, source):
        super().__init__()
        self.alts, self.tables, self.summaries, self.folds, self.inside = [], [], [], 0, False
        self.feed(source)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        if tag == "img":
            self.alts.append(attributes.get("alt") or "")
        elif tag == "table":
            self.tables.append(attributes.get("role") == "presentation")
        elif tag == "th" and self.tables:
            self.tables[-1] = True
        elif tag == "details":
            self.folds += 1
        elif tag == "summary":
            self.inside = True
            self.summaries.append("")

    def handle_endtag(self, tag):
        self.inside &= tag != "summary"

    def handle_data(self, data):
        if self.inside:
            self.summaries[-1] += data


def of_html(source):
    page = Page(source)
    for alt in page.alts:
        if len(alt) < LEAST:
            yield "image without text", alt
    for has_header in page.tables:
        if not has_header:
            yield "table without header", source[:80]
    named = sum(bool(each.strip()) for each in page.summaries)
    for _ in range(page.folds - named):
        yield "fold without name", source[:80]


def of_markdown(source):
    """What a text has, except for its headings, which go through the whole notebook."""
    source = FENCE.sub("", source)
    if "<" in source:
        yield from of_html(source)
    for alt in IMAGE.findall(source):
        if len(alt) < LEAST:
            yield "image without text", alt
    for row in HEADER.findall(source):
        if not all(cell.strip() for cell in row.strip("|").split("|")):
            yield "empty header", row
    for text in TEXT_LINK.findall(source):
        said = re.sub(r"[*`_]", "", text).strip().lower().rstrip(".")
        if said in EMPTY_WORDS or said.startswith("http") or len(said) < 2:
            yield "link says nothing", text
    for found in BY_COLOUR.findall(source):
        yield "by colour alone", found


def of_output(output):
    data = output.get("data", {})
    html = "".join(data.get("text/html", ""))
    yield from of_html(html)
    if "image/png" in data and len(output["metadata"].get("image/png", {}).get("alt", "")) < LEAST:
        yield "image without text", "image/png"


def findings(path):
    """[(kind, what)] of the notebook at `path`."""
    found, level = [], 0
    for cell in json.loads(path.read_text("utf-8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            found += of_markdown(source)
            for marks, text in re.findall(r"^(#+) (.+)$", FENCE.sub("", source), re.M):
                if len(marks) > level + 1 or (len(marks) == 1 and level):
                    found.append(("heading skips", text))
                level = len(marks)
        for output in cell.get("outputs", []):
            found += of_output(output)
    return found


def figures(path):
    """(figures, those whose numbers stand beside them as a table) of a notebook's outputs."""
    cells = json.loads(path.read_text("utf-8"))["cells"]
    data = [output.get("data", {}) for cell in cells for output in cell.get("outputs", [])]
    shown = ["".join(each.get("text/html", "")) for each in data if "image/png" in each]
    return len(shown), sum("<details><summary>The figure's numbers" in html for html in shown)


def main(root, tell):
    counts = {folder: collections.Counter() for folder in FOLDERS}
    for folder in FOLDERS:
        for path in sorted((root / folder).glob("[0-9]*.ipynb")):
            counts[folder].update(kind for kind, _ in findings(path))
            counts[folder].update(dict(zip(("figures", "with a table"), figures(path))))
            for kind, what in findings(path) if tell else ():
                print(f"{path.name}: {kind}: {what}")
    print(f"{'':24}" + "".join(f"{folder.split('/')[-1]:>12}" for folder in FOLDERS))
    for kind in (*KINDS, "figures", "with a table"):
        print(f"{kind:24}" + "".join(f"{counts[folder][kind]:12}" for folder in FOLDERS))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT)
    parser.add_argument("-v", dest="tell", action="store_true", help="each finding too")
    options = parser.parse_args()
    main(options.folder, options.tell)
