"""What the notebooks use to show code, check numbers and fold answers."""

import base64
import inspect
import re
import textwrap
from html import escape

import numpy as np
from IPython import get_ipython
from IPython.display import Code
from matplotlib.animation import FuncAnimation
from matplotlib.figure import Figure

from ..analysis.plots import Picture, png, style

__all__ = ["Picture", "Slider", "check", "end_here", "source"]


class Source(Code):
    """Highlighted code in a font of fixed width; nbconvert's pages set outputs in a book face."""

    def _repr_html_(self):
        return f'<div style="font-family:monospace;font-size:80%">{super()._repr_html_()}</div>'


def source(*functions):
    """The code that runs, read from where it lives, so that no lesson's copy can drift from it."""
    parts = [textwrap.dedent(inspect.getsource(function)).rstrip() for function in functions]
    return Source("\n\n".join(parts), language="python")


def check(what, computed, true, tolerance=1e-9):
    """Print your answer beside the true one, and whether they agree within `tolerance`.

    None stands for "not attempted". Shapes: any, the same for both.
    """
    if computed is None or computed is ...:
        print(f"{what}: not attempted yet")
        return
    computed, true = np.asarray(computed, dtype=float), np.asarray(true, dtype=float)
    if computed.shape != true.shape:
        print(f"{what}: your shape is {computed.shape}, expected {true.shape}")
        return
    gap = np.abs(computed - true).max(initial=0)
    with np.printoptions(precision=6, suppress=True):
        verdict = "agrees" if gap <= tolerance else "DIFFERS"
        print(f"{what}: {verdict} (gap {gap:.1e})")
        print(f"  your answer  {np.array2string(computed, prefix=' ' * 15)}")
        print(f"  true answer  {np.array2string(true, prefix=' ' * 15)}")


def end_here(message):
    """Print `message`, and let all cells that follow do nothing: a lesson without what it needs."""
    print(message, "\n\nThe cells below do nothing until then.")
    get_ipython().input_transformers_cleanup.append(lambda lines: [])


class Slider:
    """A figure for each of several settings behind one slider: no kernel, and the arrow keys do.

    `draw(figure, setting)` draws on an empty figure; `label` says what the slider moves. Where a
    page may run no script, the middle setting stands.
    """

    def __init__(self, draw, settings, label, alt, size=(6.4, 3), dpi=80):
        self.draw, self.settings, self.label, self.alt = draw, list(settings), label, alt
        self.size, self.dpi = size, dpi

    @style()
    def _repr_html_(self):
        figure = Figure(figsize=self.size, dpi=self.dpi, layout="constrained")

        def redraw(setting):
            figure.clear()
            self.draw(figure, setting)

        page = FuncAnimation(figure, redraw, frames=self.settings).to_jshtml(default_mode="once")
        redraw(self.settings[len(self.settings) // 2])
        still = base64.b64encode(png(figure, self.dpi)).decode()
        identity = re.search("_anim_img([0-9a-f]+)", page)[1]  # random, and so replaced
        page = page.replace(identity, re.sub(r"\W", "", self.label))
        page = re.sub("<link[^>]*>", "", page)  # a font from the net, for buttons
        page = re.sub('<div class="anim-buttons">.*?</form>', "", page, flags=re.S)
        page = page.replace(
            "<img ",
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{still}" '
            'style="max-width:100%;height:auto;background:white" ',
        )
        label = escape(self.label)
        return page.replace(
            "<input ",
            f"<label>{label} (click, then use the arrow keys)<br><input "
            f'aria-label="{label}" style="width:90%;max-width:374px" ',
            1,
        ).replace("</div>\n</div>", "</label></div>\n</div>", 1)

    def __repr__(self):
        return f"[figure with a slider, {self.label}: {self.alt}]"
