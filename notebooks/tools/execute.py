"""Run the lessons from clean kernels and keep their outputs.

    python notebooks/tools/execute.py                       all of them
    python notebooks/tools/execute.py notebooks/01_*.ipynb  some of them
    python notebooks/tools/execute.py --check               keep nothing, say what differs

What changes from run to run without meaning anything (times, versions) is left out, so a second
run gives the same file.
"""

import argparse
import pathlib
import sys
import time

import nbformat
from nbclient import NotebookClient

HERE = pathlib.Path(__file__).parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"
HANG = 3600  # seconds: a cell that takes longer hangs; one on a slow machine may take long


def lessons():
    return sorted(HERE.glob("[0-9]*.ipynb"))


def execute(path, folder=HERE, took=lambda cell, seconds: None):
    """The notebook at `path`, freshly run in `folder`; `took` is told each cell's number and time.

    Raises: nbclient's CellExecutionError if a cell fails, ValueError if one warns or writes to
    stderr.
    """
    notebook, begun = nbformat.read(path, as_version=4), {}

    def begins(cell, cell_index):
        begun[cell_index] = time.perf_counter()

    def ends(cell, cell_index, execute_reply):
        took(cell_index, time.perf_counter() - begun[cell_index])

    NotebookClient(
        notebook,
        timeout=HANG,
        startup_timeout=HANG,
        iopub_timeout=HANG,  # or output that comes late would be left out
        record_timing=False,
        on_cell_execute=begins,
        on_cell_executed=ends,
        coalesce_streams=True,  # or what one cell prints arrives in pieces, by chance
        resources={"metadata": {"path": str(folder)}},
    ).execute()
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET, None)  # it lives in the kernel that ran it alone
            if output.get("name") == "stderr":
                raise ValueError(f"{path.name}: a cell wrote to stderr:\n{output['text']}")
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    return notebook


def differences(path, notebook):
    """The numbers of the cells whose outputs, pictures too, are not those kept at `path`."""
    kept = nbformat.read(path, as_version=4).cells
    pairs = enumerate(zip(kept, notebook.cells))
    return [i for i, (old, new) in pairs if old.get("outputs") != new.get("outputs")]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("paths", nargs="*", type=pathlib.Path, help="default: every lesson")
    parser.add_argument("--check", action="store_true", help="keep nothing, say what differs")
    options = parser.parse_args()
    changed = 0
    for path in options.paths or lessons():
        start = time.perf_counter()
        seconds = {}
        notebook = execute(path, took=seconds.__setitem__)
        slowest = max(seconds, key=seconds.get)
        took = f"{path.name}: {time.perf_counter() - start:.1f} s"
        took += f" (cell {slowest}: {seconds[slowest]:.1f} s)"
        if options.check:
            cells = differences(path, notebook)
            changed += bool(cells)
            print(f"{took}, {f'other outputs in cells {cells}' if cells else 'the same outputs'}")
        else:
            nbformat.write(notebook, path)
            print(took)
    sys.exit(changed > 0)
