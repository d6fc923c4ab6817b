"""When an answer's process is ended."""

from types import SimpleNamespace

import pytest

from lora_np.course.classroom import worker


@pytest.mark.parametrize("share, ticks", [(0.0, 8), (0.005, 8), (0.0625, 32), (1.0, 2)])
def test_a_busy_machine_ends_nobody(monkeypatch, share, ticks):
    """Two seconds of work, or eight of none, each at its share of a processor."""
    slept = []
    clock = SimpleNamespace(sleep=slept.append, process_time=lambda: share * len(slept))
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker.os, "_exit", lambda status: None)
    worker.watch(2)
    assert len(slept) == ticks
