"""The command `variants`: a sheet for each student of a class list, and who has which mistake."""

import csv
import json
from pathlib import Path

import nbformat
import pytest

from lora_np.__main__ import main

SHEET = Path(__file__).parents[2] / "notebooks" / "teacher" / "own_sheet.md"
CLASS = "name,number\namy,17\nben,4\n"


@pytest.fixture
def typed(tmp_path):
    (tmp_path / "class.csv").write_text(CLASS, encoding="utf-8")
    return ["variants", str(tmp_path / "class.csv"), "--sheet", str(SHEET)]


def test_each_student_gets_a_sheet_and_the_teacher_a_list(typed, tmp_path, capsys):
    out = tmp_path / "out"
    assert not main([*typed, "--out", str(out)])
    assert capsys.readouterr().out.startswith(f"2 sheets, in {out}; ")
    rows = [*csv.DictReader((out / "drawn.csv").read_text("utf-8").splitlines())]
    assert [(row["name"], row["number"]) for row in rows] == [("amy", "17"), ("ben", "4")]
    sheets = [nbformat.read(out / row["name"] / "90_own.ipynb", 4) for row in rows]
    assert [sheet.metadata["lora_np_student"] for sheet in sheets] == ["17", "4"]
    assert all("SOLUTION" not in cell.source for sheet in sheets for cell in sheet.cells)
    assert sheets[0].cells != sheets[1].cells


def test_without_out_it_says_what_it_would_draw(typed, tmp_path, capsys):
    assert not main([*typed, "--json"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["number"] for row in rows] == ["17", "4"] and all(row["mistake"] for row in rows)
    assert [path.name for path in tmp_path.iterdir()] == ["class.csv"]
