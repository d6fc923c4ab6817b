"""The widget of Jupyter, VS Code and Colab around a figure; only this file needs `anywidget`."""

import json

import anywidget
import traitlets

from ...system.json_text import parse_json
from .answers import answer
from .show import FOLDER, sources


class Widget(anywidget.AnyWidget):
    """The figure `name`, started with `settings`; its numbers come from this kernel's package.

    The modules travel with it as text, so that no file has to be served.
    """

    _esm = (FOLDER / "notebook.mjs").read_text("utf-8")
    _css = (FOLDER / "figure.css").read_text("utf-8")
    name = traitlets.Unicode().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    sources = traitlets.Dict().tag(sync=True)

    def __init__(self, **options):
        super().__init__(sources=sources(), **options)
        self.on_msg(self.reply)

    def reply(self, _, asked, buffers):
        numbers = parse_json(answer(asked["name"], json.dumps(asked["state"])))
        self.send({"turn": asked["turn"], "numbers": numbers})
