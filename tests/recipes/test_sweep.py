"""A sweep gives what a plain loop gives, on any executor, and nothing that is done is lost."""

import itertools
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from helpers import sweep_cells
from lora_np.recipes import sweep as module
from lora_np.recipes.sweep import Unfinished, path_of, sweep

CELLS = [
    {"rank": rank, "lr": lr, "seed": seed}
    for rank, lr, seed in itertools.product((1, 2), (1e-2, 1e-1), (0, 1))
]


def plain_loop(cells):
    """As the results are read from JSON, where a tuple is a list."""
    return [json.loads(json.dumps(sweep_cells.small_train(cell))) for cell in cells]


def marked(tmp_path, dies):
    """The cells, each with directories for notes and for what is kept, and one that `dies`."""
    (tmp_path / "notes").mkdir()
    places = {"notes": str(tmp_path / "notes"), "out": str(tmp_path / "out")}
    cells = [{**cell, **places} for cell in CELLS]
    cells[3]["dies"] = dies
    return cells


def test_processes_give_what_a_plain_loop_gives(tmp_path):
    """To the bit, and in the cells' order; so does reading it back, with nothing run."""
    first = sweep(CELLS, sweep_cells.small_train, tmp_path, processes=2)
    assert first == plain_loop(CELLS)
    assert len({json.dumps(result) for result in first}) == len(CELLS)
    assert sweep(CELLS[::-1], sweep_cells.fails, tmp_path, processes=1) == first[::-1]
    assert sorted(tmp_path.iterdir()) == sorted(path_of(cell, tmp_path) for cell in CELLS)


@pytest.mark.parametrize("processes", [1, 2])
def test_no_more_processes_than_asked_each_with_one_thread(tmp_path, monkeypatch, processes):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        monkeypatch.setenv(name, "2")
    places = sweep(CELLS, sweep_cells.place, tmp_path, processes=processes)
    assert len({pid for pid, *_ in places}) <= processes
    assert all(set(threads) <= {1} for _, *threads in places)


def test_any_executor_and_what_is_missing_alone_is_run(tmp_path):
    begun = []

    def run(cell):  # no module's function: threads take it
        begun.append(cell)
        return sweep_cells.small_train(cell)

    with ThreadPoolExecutor(1) as executor:
        sweep(CELLS[2:5], run, tmp_path, executor)
        path_of(CELLS[3], tmp_path).unlink()
        begun.clear()
        assert sweep(CELLS, run, tmp_path, executor) == plain_loop(CELLS)
    assert begun == CELLS[:2] + [CELLS[3]] + CELLS[5:]


@pytest.mark.long
def test_a_killed_process_loses_nothing(tmp_path):
    cells = marked(tmp_path, dies=True)
    with pytest.warns(UserWarning, match="a process was killed; its cell is run again"):
        results = sweep(cells, sweep_cells.killed_once, tmp_path / "out", processes=2)
    assert results == plain_loop(CELLS)
    assert len(sweep_cells.runs(cells[3])) == 2, "begun, killed, and run again"


@pytest.mark.long
def test_a_cell_that_always_kills_is_reported_and_the_others_are_kept(tmp_path, monkeypatch):
    """Then the same call goes on: the cells that are kept are not run again."""
    monkeypatch.setattr(module, "TRIES", 1)
    cells = marked(tmp_path, dies=len(CELLS) - 1)
    with pytest.warns(UserWarning), pytest.raises(Unfinished) as error:
        sweep(cells, sweep_cells.always_killed, tmp_path / "out", processes=2)
    assert f"7 of 8 cells are kept in {tmp_path / 'out'}" in str(error.value)
    assert "The executor broke, perhaps for want of memory, with 1 to do" in str(error.value)
    for path in (tmp_path / "notes").iterdir():
        path.unlink()
    kept = sweep(cells, sweep_cells.small_train, tmp_path / "out", processes=1)
    assert kept == plain_loop(CELLS) and not list((tmp_path / "notes").iterdir())


def test_a_run_that_fails_stops_no_other(tmp_path):
    with pytest.raises(Unfinished, match="no such seed") as error, ThreadPoolExecutor(2) as pool:
        sweep(CELLS, sweep_cells.fails, tmp_path, pool)
    assert "4 of 8 cells are kept" in str(error.value)
    assert isinstance(error.value.__cause__, ValueError)
    assert len(list(tmp_path.iterdir())) == 4


def test_what_json_cannot_hold_is_no_result(tmp_path):
    with pytest.raises(Unfinished, match="JSON cannot hold set"), ThreadPoolExecutor(1) as pool:
        sweep(CELLS[:1], lambda cell: {1, 2}, tmp_path, pool)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"cell": {"rank"', "not readable as a sweep's result"),
        (b"\xff\xfe", "not readable as a sweep's result"),
        ("[1, 2]", "expected a sweep's cell and result, found something else"),
        ('{"cell": {"rank": 9}, "result": 1}', "found that of {'rank': 9}"),
    ],
)
def test_a_damaged_or_foreign_file_is_an_error_before_any_work(tmp_path, content, message):
    path = path_of(CELLS[5], tmp_path)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message) as error, ThreadPoolExecutor(1) as pool:
        sweep(CELLS, sweep_cells.small_train, tmp_path, pool)
    assert str(path) in str(error.value) and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([{"rank": 1}, {"rank": 1}], "1 of 2 cells are there twice"),
        ([{"rank": {1}}], "expected cells that JSON can hold"),
        ([{"lr": float("nan")}], "expected cells that JSON can hold"),
    ],
)
def test_bad_cells_are_an_error_before_any_work(tmp_path, cells, message):
    with pytest.raises(ValueError, match=message):
        sweep(cells, sweep_cells.small_train, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_progress_is_visible(tmp_path, capsys):
    with ThreadPoolExecutor(1) as executor:
        sweep(CELLS, sweep_cells.small_train, tmp_path, executor, progress=True)
    assert "8/8" in capsys.readouterr().err


@pytest.mark.parametrize("result", [np.float32(0.5), np.arange(3), {"loss": np.float64(1)}])
def test_numpys_numbers_are_kept_as_numbers(tmp_path, result):
    with ThreadPoolExecutor(1) as executor:
        (first,) = sweep(CELLS[:1], lambda cell: result, tmp_path, executor)
        (again,) = sweep(CELLS[:1], sweep_cells.fails, tmp_path, executor)
    assert first == again == json.loads(json.dumps(result, default=lambda value: value.tolist()))


def test_a_result_that_json_cannot_hold_loses_no_other(tmp_path):
    def run(cell):
        return object() if cell == CELLS[1] else cell["rank"]

    with (
        ThreadPoolExecutor(1) as executor,
        pytest.raises(Unfinished, match="2 of 3 cells are kept"),
    ):
        sweep(CELLS[:3], run, tmp_path, executor)
