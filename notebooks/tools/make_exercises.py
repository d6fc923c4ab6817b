"""Make the students' notebooks from the masters.

    python notebooks/tools/make_exercises.py        all of them

Edit notebooks/solutions/NN_….ipynb, then run this: it stamps the master with nbgrader's metadata,
runs it and keeps what the checks said, and writes notebooks/exercises/NN_….ipynb, the same with
holes in place of the solutions and not run.
"""

import argparse
import pathlib

import nbformat
from execute import execute

from lora_np.course.classroom.masters import read, stamp, student
from lora_np.system.files import whole_file

HERE = pathlib.Path(__file__).parents[1]


def masters():
    return sorted((HERE / "solutions").glob("[0-9]*.ipynb"))


def made(path):
    """{path: text} of the two notebooks that the master at `path` gives, neither of them run."""
    master = stamp(read(path))
    versions = {path: master, HERE / "exercises" / path.name: student(master)}
    return {target: nbformat.writes(notebook) + "\n" for target, notebook in versions.items()}


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__.partition("\n")[0]).parse_args()  # no options
    for path in masters():
        for target, text in made(path).items():
            with whole_file(target) as temporary:
                temporary.write_text(text, encoding="utf-8")
        solved, metadata = execute(path), read(path).metadata
        solved.metadata = metadata
        with whole_file(path) as temporary:
            temporary.write_text(nbformat.writes(solved) + "\n", encoding="utf-8")
        print(path.name)
