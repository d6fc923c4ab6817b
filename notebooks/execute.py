"""Run the lessons from clean kernels and keep their outputs.

    python notebooks/execute.py                       all of them
    python notebooks/execute.py notebooks/01_*.ipynb  some of them

What changes from run to run without meaning anything (times, versions) is left out, so a second
run gives the same file.
"""

import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient

HERE = pathlib.Path(__file__).parent


def lessons():
    return sorted(HERE.glob("[0-9]*.ipynb"))


def execute(path, folder=HERE):
    """The notebook at `path`, freshly run in `folder`.

    Raises: nbclient's CellExecutionError if a cell fails, ValueError if one warns or writes to
    stderr.
    """
    notebook = nbformat.read(path, as_version=4)
    NotebookClient(
        notebook,
        timeout=120,
        record_timing=False,
        coalesce_streams=True,  # or what one cell prints arrives in pieces, by chance
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.get("name") == "stderr":
                raise ValueError(f"{path.name}: a cell wrote to stderr:\n{output['text']}")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


if __name__ == "__main__":
    for path in map(pathlib.Path, sys.argv[1:] or lessons()):
        start = time.perf_counter()
        nbformat.write(execute(path), path)
        print(f"{path.name}: {time.perf_counter() - start:.1f} s")
