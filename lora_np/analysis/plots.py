"""Figures: one look for all, alternative text for readers who cannot see them."""

import base64
import io
import pathlib
from html import escape

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from ..system.files import whole_file
from .figure_numbers import tables

# Okabe and Ito's colour-blind-safe palette, the six that stay apart on white; the line styles and
# markers tell the curves apart without any colour.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]
STYLE = {
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True, "font.size": 10,
    "axes.titlesize": 11, "legend.frameon": False, "lines.linewidth": 1.8,
    "axes.prop_cycle": matplotlib.cycler(color=COLORS) + matplotlib.cycler(linestyle=DASHES),
}  # fmt: skip


def style():
    """The project's look, for `with style():` and, as a decorator, `@style()`."""
    return matplotlib.rc_context(STYLE)


@style()
def subplots(rows=1, columns=1, size=(5, 3), **options):
    """(figure, axes) in the project's style; independent of pyplot, so nothing stays open."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


@style()
def png(figure, dpi=110):
    """The figure as PNG bytes, the same bytes for the same figure; 256 colours make it small."""
    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=dpi)
    with Image.open(drawn) as image:
        image.convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
            small, "PNG", optimize=True
        )
    return small.getvalue()


def save(figure, path):
    """Write the figure to `path`, whole or not at all; the ending names the format."""
    ending = pathlib.Path(path).suffix.lstrip(".").lower()
    if ending not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"unknown image format {ending!r}; try .png, .svg or .pdf")
    with whole_file(path) as temporary, style():
        figure.savefig(temporary, format=ending, dpi=150)


class Picture:
    """A figure with alternative text: an <img alt=…>, the image alone for viewers that drop HTML,
    and the text for everything else.

    `table`, its numbers for those who do not see it: (the columns' names, rows as dicts by them);
    without one, what figure_numbers.py takes from what is drawn.
    """

    def __init__(self, figure, alt, table=None):
        self.figure, self.alt, self.table = figure, alt, table

    def _repr_html_(self):
        data = base64.b64encode(png(self.figure)).decode()
        return (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}" '
            'style="max-width:100%;height:auto;background:white">'
        ) + self.folded_table()

    def folded_table(self):
        """The figure's numbers, a header cell over each column and before each row, or ""."""
        found = tables(self.figure) if self.table is None else [("", *self.table)]
        made = "".join(html_table(columns, rows, caption) for caption, columns, rows in found)
        return f"<details><summary>The figure's numbers</summary>{made}</details>" if made else ""

    def _repr_png_(self):
        return png(self.figure), {"alt": self.alt}

    def __repr__(self):
        return f"[figure: {self.alt}]"


def html_table(columns, rows, caption=""):
    """Dicts as an HTML table, with a header cell over each column and before each row."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    lines = [f"<caption>{escape(caption)}</caption>" * bool(caption), f"<tr>{head}</tr>"]
    for row in rows:
        values = (row.get(column, "") for column in columns)
        first, *rest = (f"{v:.4g}" if isinstance(v, float) else escape(str(v)) for v in values)
        cells = "".join(f"<td>{value}</td>" for value in rest)
        lines.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    return f"<table>{''.join(lines)}</table>"


def heatmap(axes, values, largest, title, digits=3):
    """An annotated matrix on a diverging scale from −largest to largest."""
    values = np.atleast_2d(values)
    axes.imshow(values, cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto")
    axes.grid(False)
    axes.set_title(title)
    axes.set_xticks(range(values.shape[1]), [f"out {j + 1}" for j in range(values.shape[1])])
    axes.set_yticks(range(values.shape[0]), [f"in {i + 1}" for i in range(values.shape[0])])
    for (i, j), value in np.ndenumerate(values):
        ink = "white" if abs(value) > 0.65 * largest else "black"
        axes.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=ink)


@style()
def history_picture(history, title):
    """The training loss, smoothed over a fiftieth of the run, and every held-out loss."""
    figure, axes = subplots()
    losses, said = np.asarray(history.losses), []
    if losses.size:
        width = max(1, len(losses) // 50)
        smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
        axes.plot(np.arange(len(smooth)) + width, smooth, label="training, smoothed", linewidth=1)
        said.append(f"training loss {smooth[0]:.2f} to {smooth[-1]:.2f}")
    names = sorted({name for e in history.evaluations for name in e} - {"step"})
    for name, marker in zip(names, MARKERS):
        steps, values = history.curve(name)
        axes.plot(steps, values, marker=marker, label=f"held-out {name}")
        said.append(f"held-out {name} {values[0]:.2f} to {values[-1]:.2f}")
    axes.set(xlabel="step", ylabel="loss (nats a byte)", title=title)
    axes.legend()
    return Picture(figure, f"{title}: over {len(losses)} steps, {', '.join(said)}.")
