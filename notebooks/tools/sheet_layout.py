"""A printed page: headings, paragraphs, formulas and tables, each below the last in its column.

Lengths are points (1/72 inch), y counts downwards. Text may hold $mathtext$, `code` and **bold**;
matplotlib draws it, with the fonts that come with it, so that a page is the same everywhere.
"""

import re

import matplotlib
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Rectangle
from matplotlib.textpath import TextToPath

from lora_np.system.files import whole_file

A4 = 595.28, 841.89
BODY, SMALLEST = 8.8, 7  # below 7 points print is hard to read
INK, ACCENT, FAINT = "#1a1a1a", "#0072B2", "#555555"
STYLE = {
    "font.family": "STIXGeneral", "mathtext.fontset": "stix", "pdf.fonttype": 42,
    "text.hinting": "none", "text.parse_math": True,
}  # fmt: skip
PIECE = re.compile(r"(\$[^$]+\$|`[^`]+`|\*\*[^*]+\*\*)")
MEASURE = TextToPath()


def fonts(size):
    """{a piece's first character: (what to take off its ends, font)}."""
    options = {"family": "STIXGeneral", "math_fontfamily": "stix", "size": size}
    return {
        "`": ("`", FontProperties(family="DejaVu Sans Mono", size=max(0.84 * size, SMALLEST))),
        "*": ("**", FontProperties(**options, weight="bold")),
        "$": ("", FontProperties(**options)),
        "": ("", FontProperties(**options)),
    }


def pieces(text, size):
    """[(string, font)] of text with marks."""
    kinds, found = fonts(size), []
    for part in filter(None, PIECE.split(text)):
        mark, font = kinds[part[0] if PIECE.fullmatch(part) else ""]
        found.append((part[len(mark) : len(part) - len(mark)], font))
    return found


def width(string, font):
    """How far the next piece begins: ink alone would leave out spaces at the ends."""
    if string.startswith("$"):
        return MEASURE.get_text_width_height_descent(string, font, True)[0] + 0.03 * font.get_size()
    long, ends = (
        MEASURE.get_text_width_height_descent(each, font, False)[0]
        for each in (f"x{string}x", "xx")
    )
    return long - ends


def lift(string, font):
    """How far above its baseline a PDF draws a formula, whose height matplotlib rounds up."""
    if not string.startswith("$"):
        return 0
    large = font.copy()
    large.set_size(100)
    drawn, exact = (MEASURE.mathtext_parser.parse(string, 72, each) for each in (font, large))
    return drawn.height - drawn.depth - (exact.height - exact.depth) * font.get_size() / 100


def length(text, size):
    return sum(width(*piece) for piece in pieces(text, size))


def words(text):
    """The words of text, each with marks of its own: **two words** are **two** **words**."""
    text = re.sub(r"\*\*[^*]+\*\*", lambda found: found[0].replace(" ", "** **"), text)
    return re.findall(r"(?:\$[^$]+\$|`[^`]+`|\*\*[^*]+\*\*|[^\s$`*])+", text)


class Page:
    """An A4 page to be written on; `left` and `right` bound the column, `y` is its next line."""

    def __init__(self, margin):
        with matplotlib.rc_context(STYLE):
            self.figure = Figure(figsize=(A4[0] / 72, A4[1] / 72))
            self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set(xlim=(0, A4[0]), ylim=(A4[1], 0))
        self.axes.axis("off")
        self.column(margin, A4[0] - margin, margin)

    def column(self, left, right, y):
        self.left, self.right, self.y = left, right, y

    def write(self, x, y, text, size=BODY, color=INK, align="left"):
        """One line from x, or to x, with its baseline at y; returns how long it is."""
        long = length(text, size)
        at = x - {"left": 0, "right": 1, "center": 0.5}[align] * long
        for string, font in pieces(text, size):
            at_line = {"x": at, "y": y + lift(string, font), "va": "baseline"}
            with matplotlib.rc_context(STYLE):
                self.axes.text(s=string, fontproperties=font, color=color, **at_line)
            at += width(string, font)
        return long

    def heading(self, text):
        self.y += 17
        self.axes.add_patch(Rectangle((self.left, self.y - 10.5), 3, 13, color=ACCENT, lw=0))
        self.write(self.left + 8, self.y, f"**{text}**", 11, ACCENT)
        self.y += 3

    def paragraph(self, text, size=BODY, indent=0, leading=1.24, color=INK):
        """Words, broken into lines where the column ends."""
        line, room = "", self.right - self.left - indent
        for word in words(text):
            if line and length(f"{line} {word}", size) > room:
                self._line(line, size, indent, leading, color)
                line = ""
            line = f"{line} {word}".strip()
        self._line(line, size, indent, leading, color)

    def _line(self, line, size, indent, leading, color):
        self.y += leading * size
        self.write(self.left + indent, self.y, line.replace("** **", " "), size, color)

    def point(self, text, size=BODY):
        """A paragraph behind a small square."""
        self.y += 1.6
        mark = Rectangle((self.left + 1, self.y + 0.68 * size), 3, 3, color=ACCENT, lw=0)
        self.axes.add_patch(mark)
        self.paragraph(text, size, indent=9)

    def panel(self, rows, tint, stops, title, size=10.6, step=15.4):
        """Lines of a formula, its shape, a note, at the three stops of a tinted box."""
        height = step * len(rows) + 5
        box = Rectangle((self.left, self.y + 3), self.right - self.left, height, color=tint, lw=0)
        self.axes.add_patch(box)
        label = self.axes.text(
            self.left + 7.5, self.y + 3 + height / 2, title, rotation=90, ha="center", va="center",
            color=FAINT, fontproperties=fonts(SMALLEST)["*"][1],
        )  # fmt: skip
        label.set_gid("turned")
        self.y += 1
        for row in rows:
            self.y += step
            for text, stop, big in zip(row, stops, (size, 8.2, 8.2)):
                color = INK if big == size else FAINT
                self.write(self.left + stop, self.y, text, big, color)
        self.y += 7

    def table(self, rows, stops, size=8.2, step=11.2):
        """Rows below a ruled head; a stop of 0 or less counts from the right, and aligns there."""
        for k, row in enumerate(rows):
            self.y += step
            for cell, stop in zip(row, stops):
                x = self.right + stop if stop <= 0 else self.left + stop - 1
                text = f"**{cell}**" if k == 0 and cell else cell
                self.write(x, self.y, text, size, align="right" if stop <= 0 else "left")
            if k == 0:
                self.rule(self.y + 2.6, 0.8)
                self.y += 2
        self.y += 2

    def rule(self, y, weight=0.5):
        self.axes.plot([self.left, self.right], [y, y], color=FAINT, linewidth=weight)

    def save(self, path, **metadata):
        """Write the page, by its ending; the same bytes for the same page, as no date is in it."""
        path = str(path)
        if path.endswith(".pdf"):
            metadata |= {"CreationDate": None}
        with whole_file(path) as temporary, matplotlib.rc_context(STYLE):
            ending = path.rsplit(".", 1)[1]
            self.figure.savefig(temporary, format=ending, dpi=150, metadata=metadata)
