"""A sweep on a real Dask cluster: a scheduler and two worker processes on this machine."""

import pytest
from test_sweep import CELLS, marked, plain_loop

from cli.test_sweep_command import tiny_grid
from helpers import sweep_cells
from lora_np.__main__ import main
from lora_np.recipes.sweep import Unfinished, sweep

pytestmark = pytest.mark.extra("distributed")


@pytest.fixture(scope="module")
def client():
    import dask
    from distributed import Client, LocalCluster

    timeouts = "distributed.comm.timeouts"
    with (
        dask.config.set({f"{timeouts}.connect": "1h", f"{timeouts}.tcp": "1h"}),  # it hangs
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster) as client,
    ):
        yield client


def test_a_cluster_gives_what_a_plain_loop_gives(tmp_path, client):
    executor = client.get_executor(pure=False)
    assert sweep(CELLS, sweep_cells.small_train, tmp_path, executor) == plain_loop(CELLS)


def test_a_worker_killed_in_the_middle_loses_nothing(tmp_path, client):
    """The scheduler gives its cell to another worker, and the sweep is none the wiser."""
    cells = marked(tmp_path, dies=True)
    executor = client.get_executor(pure=False)
    results = sweep(cells, sweep_cells.killed_once, tmp_path / "out", executor)
    assert results == plain_loop(CELLS)
    assert len(sweep_cells.runs(cells[3])) >= 2, "begun, killed, and run again"


def test_a_run_that_fails_on_a_cluster_is_reported(tmp_path, client):
    with pytest.raises(Unfinished, match="4 of 8 cells are kept(.|\n)*no such seed"):
        sweep(CELLS, sweep_cells.fails, tmp_path, client.get_executor(pure=False))


def test_the_command_on_a_cluster(tmp_path, client, capsys):
    grid = tiny_grid(tmp_path, "--method", "lora", "--rank", 1, 2, "--seeds", 1)
    assert not main([*grid, "--dask", client.scheduler.address])
    shown = capsys.readouterr().out
    assert shown.count("lora") == 2 and len(list((tmp_path / "out").iterdir())) == 2
    assert not main(grid)  # from what is on disk
    assert capsys.readouterr().out == shown
