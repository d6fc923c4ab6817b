"""The worked projects: the page shows what their stored runs say, with marks, and they run."""

import importlib
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "notebooks" / "teacher" / "projects"
sys.path.insert(0, str(FOLDER))
NAMES = sorted(path.stem for path in FOLDER.glob("?_*.py"))
PAGE = (FOLDER.parent / "PROJECTS.md").read_text("utf-8")

import worked  # noqa: E402


@pytest.mark.parametrize("name", NAMES)
def test_the_page_shows_the_stored_runs_and_their_marks(name):
    project, evidence = importlib.import_module(name), worked.stored(name)
    assert f"```text\n{worked.page(project, evidence)}\n```" in PAGE
    assert f"projects/{name}.py" in PAGE and len(NAMES) == 3
    assert evidence["settings"] == project.SETTINGS, "stored by other settings: run it again"
    assert list(evidence["ways"]) == list(project.WAYS)
    marks = worked.grade(project, evidence)
    assert marks["comparison"][0] >= 2 and marks["interval"][0] == 3


def test_each_division_of_project_b_has_the_budget():
    project = importlib.import_module("b_which_layers")
    ways = worked.stored(project.NAME)["ways"].values()
    assert {run["trained"] for how in ways for run in how["runs"]} == {project.BUDGET}


def test_marks_fall_with_what_is_missing():
    project = importlib.import_module("b_which_layers")
    evidence = worked.stored(project.NAME)
    ways = {way: {**how, "inside": True} for way, how in evidence["ways"].items()}
    assert worked.grade(project, {**evidence, "ways": ways})["comparison"][0] == 4
    first = next(iter(ways))
    edge = {**ways, first: {**ways[first], "inside": False}}
    points, _, why = worked.grade(project, {**evidence, "ways": edge})["comparison"]
    assert points == 2 and first in why
    one = {way: {**how, "runs": how["runs"][:1]} for way, how in edge.items()}
    marks = worked.grade(project, {**evidence, "ways": one, "seeds": 1})
    assert (marks["comparison"][0], marks["interval"][0]) == (0, 0)


@pytest.mark.parametrize("name", NAMES)
def test_a_small_run_gives_what_the_claims_read(name):
    project, evidence = importlib.import_module(name), worked.stored(name)
    way, (_, lr) = list(project.WAYS.items())[-1]
    made = project.run({**worked.QUICK, "way": way, "seed": 0, "lr": lr})
    assert set(made) <= set(evidence["ways"][way]["runs"][0])
    assert made["trained"] == evidence["ways"][way]["runs"][0]["trained"]
