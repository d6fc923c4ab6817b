"""A notebook as a page: its committed outputs, a button that runs it, links to what it uses."""

import ast
import copy
import inspect
import json
import re
from html import escape

import nbformat

from places import moved

RUN = """

<p class="run-here"><a class="run-button" data-page="{page}" \
href="../lite/notebooks/index.html?path={page}.ipynb">\
<span aria-hidden="true">▶</span> Run this {what} here</a> <span>{note}</span></p>
"""
NOTES = {
    "lesson": "Python starts in this browser; nothing is installed, and nothing leaves it. There "
    "you predict, and write two or three of the lines. Below is the lesson, complete, for reading.",
    "exercise": "Python starts in this browser and checks your answers, which it keeps.",
}
NOTES_OF = {
    "lessons/13_a_real_model": "It needs a model of 98 MB, which a browser does not get: there the "
    "first cell says what to install on your own computer. Below is the lesson, complete."
}
DONE = '<p class="done-here"><button data-page="{page}" hidden>Mark as done</button></p>'
SOURCE = '<div style="font-family:monospace;font-size:80%"><style>'  # of lora_np.course.notebook


def page(path, name, what, shown):
    """The text of a page made from the notebook at `path`, whose page is called `name`."""
    notebook = nbformat.read(path, as_version=4)
    cells = notebook.cells
    file = f"notebooks/{'exercises/' if what == 'exercise' else ''}{path.name}"
    for cell in cells:
        if cell.cell_type == "markdown":
            cell.source = moved(cell.source, file, shown)
        else:
            cell.outputs = [as_markdown(output) for output in cell.outputs]
    title, _, rest = cells[0].source.partition("\n")
    note = NOTES_OF.get(name, NOTES[what])
    cells[0].source = title + RUN.format(page=name, what=what, note=note) + rest
    code = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    end = f"{uses(code)}\n\n{DONE.format(page=name)}"
    cells.append(nbformat.v4.new_markdown_cell(end, id="end-of-page"))
    return nbformat.writes(notebook)


def as_markdown(output):
    """An output that shows code, as a block that takes the page's colours, light and dark; one
    that shows a figure which can be touched, as a place for it around its picture.
    """
    data, about = output.get("data", {}), output.get("metadata", {}).get("image/png", {})
    if "figure" in about:
        output = copy.deepcopy(output)
        settings = escape(json.dumps(about["settings"]))
        place = f'<div data-figure="{about["figure"]}" data-settings="{settings}">'
        output["data"] = {"text/html": f"{place}{data['text/html']}</div>"}
        return output
    if not data.get("text/html", "").startswith(SOURCE):
        return output
    output = copy.deepcopy(output)
    output["data"] = {"text/markdown": f"```python\n{data['text/plain']}\n```"}
    return output


def uses(code):
    """A list of what `code` imports from the package, each linked to its page of the API."""
    roles = set()
    for node in ast.walk(ast.parse(re.sub(r"^[%!].*", "", code, flags=re.M))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lora_np"):
            names = {}
            exec(ast.unparse(node), names)
            roles.update(role(names[a.asname or a.name], a.name) for a in node.names)
    roles.discard(None)
    if not roles:
        return ""
    return "## From the package\n\n" + ", ".join(sorted(roles, key=str.lower))


def role(found, name):
    """MyST's link to a class, a function or a module of the package; None for anything else."""
    if inspect.ismodule(found):
        return f"{{py:mod}}`{name} <{found.__name__}>`"
    if inspect.isclass(found) or inspect.isfunction(found):
        kind = "class" if inspect.isclass(found) else "func"
        return f"{{py:{kind}}}`{found.__name__} <{found.__module__}.{found.__qualname__}>`"
    return None
