"""What the notebooks use to show code, check numbers and fold answers."""

import inspect
import json
import re
import textwrap
from base64 import b64encode
from html import escape
from pathlib import Path

import numpy as np
from IPython import get_ipython
from IPython.display import Code
from matplotlib.figure import Figure

from ..analysis.plots import Picture, png, style
from ..system.platform import WEBASSEMBLY
from ..system.progress import progress_bar

__all__ = [
    "CODE_ADAPTER", "Picture", "Slider", "check", "end_here", "lighter", "shown", "source"
]  # fmt: skip

# What lesson 1 shows first: `python -m lora_np finetune --steps 400 --out code_adapter` made it.
CODE_ADAPTER = Path(__file__).parents[1] / "data" / "code_adapter"


class Source(Code):
    """Highlighted code in a font of fixed width; nbconvert's pages set outputs in a book face."""

    def _repr_html_(self):
        return f'<div style="font-family:monospace;font-size:80%">{super()._repr_html_()}</div>'


def source(*functions):
    """The code that runs, read from where it lives, so that no lesson's copy can drift from it."""
    parts = [textwrap.dedent(inspect.getsource(function)).rstrip() for function in functions]
    return Source("\n\n".join(parts), language="python")


def check(what, computed, true, tolerance=1e-9):
    """Print what was computed beside what is expected, and whether they agree within `tolerance`.

    None stands for "not attempted". Shapes: any, the same for both.
    """
    if computed is None or computed is ...:
        print(f"{what}: not attempted yet; write the line marked TODO, and run this cell again")
        return
    computed, true = np.asarray(computed, dtype=float), np.asarray(true, dtype=float)
    if computed.shape != true.shape:
        print(f"{what}: the shape is {computed.shape}, expected {true.shape}")
        return
    gap = np.abs(computed - true).max(initial=0)
    with np.printoptions(precision=6, suppress=True):
        verdict = "agrees" if gap <= tolerance else "DIFFERS"
        print(f"{what}: {verdict} (gap {gap:.1e})")
        print(f"  computed  {np.array2string(computed, prefix=' ' * 12)}")
        print(f"  expected  {np.array2string(true, prefix=' ' * 12)}")


def lighter(full, browser, seconds):
    """`full`; in a browser `browser`, and a line that says so, and how many `seconds` it takes.

    NumPy is some twenty times slower in WebAssembly, which has no BLAS. The seconds are measured,
    by site/tools/time_lesson.mjs.
    """
    if not WEBASSEMBLY:
        return full
    less = "" if browser == full else f"{browser} here, where the text speaks of {full}; "
    print(f"In a browser: {less}this cell takes about {seconds} s.", flush=True)
    return browser


def shown(steps):
    """The steps, one after another, with a bar in a browser, where each may take a second."""
    with progress_bar(None, len(steps), 0, "step") as bar:
        for step in steps:
            yield step
            bar.update()


def end_here(message):
    """Print `message`, and let all cells that follow do nothing: a lesson without what it needs."""
    print(message, "\n\nThe cells below do nothing until then.")
    get_ipython().input_transformers_cleanup.append(lambda lines: [])


class Slider:
    """A figure for each of several settings behind one slider: no kernel, and the arrow keys do.

    `draw(figure, setting)` draws on an empty figure; `label` says what the slider moves. Where a
    page may run no script, the middle setting stands, and the text says so.
    """

    def __init__(self, draw, settings, label, alt, size=(6.4, 3), dpi=80):
        self.draw, self.settings, self.label, self.alt = draw, list(settings), label, alt
        self.size, self.dpi = size, dpi

    @style()
    def drawn(self, setting):
        """The figure at one setting, as PNG bytes."""
        figure = Figure(figsize=self.size, dpi=self.dpi, layout="constrained")
        self.draw(figure, setting)
        return png(figure, self.dpi)

    def _repr_png_(self):
        return self.drawn(self.settings[len(self.settings) // 2]), {"alt": self.alt}

    def _repr_html_(self):
        images = [self.drawn(setting) for setting in self.settings]
        frames = ["data:image/png;base64," + b64encode(image).decode() for image in images]
        middle = len(frames) // 2
        return SLIDER.format(
            name="slider" + re.sub(r"\W", "", self.label),
            label=escape(self.label),
            alt=escape(self.alt),
            still=frames[middle],
            middle=middle,
            last=len(frames) - 1,
            setting=escape(str(self.settings[middle])),
            settings=json.dumps([str(setting) for setting in self.settings]).replace(
                "<", "\\u003c"
            ),
            frames=json.dumps(frames),
        )

    def __repr__(self):
        return f"[figure with a slider, {self.label}: {self.alt}]"


# Without the script, which an untrusted notebook does not run, the slider looks as dead as it is.
# JupyterLab's own shortcuts take the arrow keys unless data-lm-suppress-shortcuts stands there.
SLIDER = """
<div id="{name}" style="display:inline-block;text-align:center">
  <img alt="{alt}" src="{still}" style="max-width:100%;height:auto;background:white">
  <div><label>{label}: <span>{setting}</span><br>
    <input type="range" aria-label="{label}" min="0" max="{last}" step="1" value="{middle}" disabled
           autocomplete="off" data-lm-suppress-shortcuts="true"
           style="width:90%;max-width:374px;opacity:0.4"></label></div>
  <small>This slider moves once the notebook is trusted:
    in JupyterLab, “Trust Notebook” in the command palette (Ctrl Shift C).</small>
</div>
<script>
setTimeout(() => {{  // once the elements above stand in the page
  const settings = {settings}, frames = {frames};
  for (const box of document.querySelectorAll("#{name}")) {{
    const slider = box.querySelector("input");
    box.querySelector("small").textContent = "Click the slider, then use the arrow keys.";
    slider.disabled = false;
    slider.style.opacity = 1;
    slider.oninput = () => {{
      box.querySelector("img").src = frames[slider.value];
      box.querySelector("span").textContent = settings[slider.value];
    }};
  }}
}}, 0);
</script>
"""
