"""What the notebooks use to show code, check numbers, keep predictions and fold answers."""

import inspect
import textwrap
from pathlib import Path

import numpy as np
from IPython import get_ipython
from IPython.display import Code

from ..analysis.plots import Picture
from ..system.files import write_json
from ..system.platform import WEBASSEMBLY
from ..system.progress import progress_bar
from .predictions import FILE, kept, valid

__all__ = [
    "CODE_ADAPTER", "Picture", "check", "end_here", "lighter", "predict", "shown", "source"
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


def predict(question, letter):
    """Keep what is predicted, "a", "b" or "c", in predictions.json beside the notebook.

    It is a student's own file, for the teacher's histogram; nothing of it is sent anywhere.
    """
    if letter is None or letter is ...:
        print(f'Question {question}: put "a", "b" or "c" in place of the dots, then run this again')
        return
    if not valid(question, letter):
        print(f'Question {question}: expected "a", "b" or "c", got {letter!r}')
        return
    path, said = Path(FILE), f"Question {question}: you predict ({letter}); it is "
    try:
        write_json(path, {**(kept(path) if path.exists() else {}), question: letter})
        print(f"{said}kept in {FILE}")
    except OSError as error:  # a folder of the school's, say, that only it may write to
        print(f"{said}not kept, for {FILE} cannot be written here: {error.strerror}")


def lighter(full, browser, seconds):
    """`full`; in a browser `browser`, and a line that says so, and how many `seconds` it takes.

    NumPy is some twenty times slower in WebAssembly, which has no BLAS. The seconds are rough,
    from processor seconds on a busy machine: site/tools/time_lesson.mjs measures a lesson.
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
