"""A figure of this folder as a cell's output."""

from pathlib import Path

from ...analysis.plots import Picture
from ...system.extras import has_extra

FOLDER = Path(__file__).parent


class Interactive(Picture):
    """The figure `name` in a notebook: touched where `anywidget` is installed and scripts run.

    Elsewhere `figure`, a still one, and its text `alt` stand in for it. `settings` are those of
    the figure's start that differ, as `Interactive("paths", still, alt, alpha=4)`.
    """

    def __init__(self, name, figure, alt, **settings):
        super().__init__(figure, alt)
        self.name, self.settings = name, settings

    def _repr_png_(self):
        """The still one; its metadata tell the site's pages which figure to put in its place."""
        data, metadata = super()._repr_png_()
        return data, metadata | {"figure": self.name, "settings": self.settings}

    def _repr_mimebundle_(self, include=None, exclude=None):
        """The widget, beside what a Picture is; a viewer takes the richest that it knows."""
        if not has_extra("anywidget"):
            return {}, {}
        from .widget import Widget

        shown = Widget(name=self.name, settings=self.settings)._repr_mimebundle_()
        data = shown[0] if isinstance(shown, tuple) else shown
        return {kind: value for kind, value in data.items() if kind != "text/plain"}, {}


def sources():
    """{path: text} of every module of this folder, as a figure imports them."""
    paths = [*FOLDER.glob("*.mjs"), *FOLDER.glob("maths/*.mjs")]
    return {path.relative_to(FOLDER).as_posix(): path.read_text("utf-8") for path in sorted(paths)}
