"""Make the student's form of each lesson from the complete one.

    python notebooks/tools/make_student.py

A lesson is kept in two forms made from one source. The complete one, notebooks/NN_….ipynb, is
executed, for reading. The student's, notebooks/student/NN_….ipynb, has no outputs, so that nothing
answers a prediction before the student does, and a hole for each line that ends in `# yours: …`:

    du = s * dy @ B.T  # yours: from s, dy and B, (T, r)        in the complete form
    du = ...           # TODO: from s, dy and B, (T, r)         in the student's

A `check` below says "not attempted yet" while the dots stand there. Below each prediction stands a
cell `predict("5.2", ...)`, which keeps the student's letter in a file of theirs.
"""

import argparse
import copy
import pathlib
import re

import nbformat
from execute import HERE, lessons

from lora_np.system.files import whole_file

STUDENT = HERE / "student"
YOURS = re.compile(
    r"^(?P<left>[ \t]*[\w.]+(?:, [\w.]+)* =) (?P<answer>.+?)  # yours: (?P<hint>.+)$", re.M
)
LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def holes(source):
    """[(the line's left side, the answer, the hint)] of a cell of the complete form."""
    return [found.group("left", "answer", "hint") for found in YOURS.finditer(source)]


def student(notebook):
    """The student's form of a complete lesson: the same cells, no outputs, holes."""
    made = copy.deepcopy(notebook)
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
            cell.source = YOURS.sub(r"\g<left> ...  # TODO: \g<hint>", cell.source)
        else:
            cell.source = LINK.sub(moved, cell.source)
    return made


def with_predictions(cells, lesson):
    """The cells, and below each that has Predict boxes one more, which keeps what is predicted."""
    count = 0
    for cell in cells:
        yield cell
        boxes = cell.source.count("> **Predict.**") if cell.cell_type == "markdown" else 0
        if boxes:
            numbers = range(count + 1, count + boxes + 1)
            lines = [f'predict("{lesson}.{n}", ...)  # a, b or c, quoted' for n in numbers]
            source = "\n".join(["from lora_np.course.notebook import predict", "", *lines])
            yield nbformat.v4.new_code_cell(source, id=f"keep-{count + 1}")
            count += boxes


def moved(link):
    """A link of the complete form, seen from the student's folder; lessons have both forms."""
    target = link[1]
    return link[0] if re.match(r"\d\d\w?_", target) else f"](../{target})"


def made():
    """{path: text} of every student's form."""
    texts = {}
    for path in lessons():
        notebook = student(nbformat.read(path, as_version=4))
        lesson = path.stem.split("_")[0].lstrip("0")
        notebook.cells = list(with_predictions(notebook.cells, lesson))
        texts[STUDENT / path.name] = nbformat.writes(notebook) + "\n"
    return texts


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    STUDENT.mkdir(exist_ok=True)
    for path, text in made().items():
        with whole_file(path) as temporary:
            pathlib.Path(temporary).write_text(text, encoding="utf-8")
    print(f"{len(made())} lessons in {STUDENT}")
