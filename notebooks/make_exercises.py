"""Make the students' notebooks from the masters.

    python notebooks/make_exercises.py        all of them

Edit notebooks/solutions/NN_….ipynb, then run this: it stamps the master with nbgrader's metadata
and writes notebooks/exercises/NN_….ipynb, the same with holes in place of the solutions.
"""

import pathlib

import nbformat

from lora_np.classroom.masters import read, stamp, student
from lora_np.files import whole_file

HERE = pathlib.Path(__file__).parent


def masters():
    return sorted((HERE / "solutions").glob("[0-9]*.ipynb"))


def made(path):
    """{path: text} of the two notebooks that the master at `path` gives."""
    master = stamp(read(path))
    versions = {path: master, HERE / "exercises" / path.name: student(master)}
    return {target: nbformat.writes(notebook) + "\n" for target, notebook in versions.items()}


if __name__ == "__main__":
    for path in masters():
        for target, text in made(path).items():
            with whole_file(target) as temporary:
                temporary.write_text(text, encoding="utf-8")
        print(path.name)
