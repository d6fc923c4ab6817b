"""What the notebooks use to show code, check numbers and fold answers."""

import inspect
import textwrap

import numpy as np
from IPython.display import Code

from .plots import Picture

__all__ = ["Picture", "check", "source"]


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
