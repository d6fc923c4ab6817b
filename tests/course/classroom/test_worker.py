"""When an answer's process is ended."""

from types import SimpleNamespace

import pytest

from lora_np.course.classroom import apart, worker


@pytest.fixture(autouse=True)
def the_answers_turn(monkeypatch):
    """Other tests serve answers in this process, and leave it the judge's turn."""
    monkeypatch.setattr(apart, "JUDGING", worker.threading.Event())


def ticks_until_ended(monkeypatch, sleep=lambda tick: None, share=0.0):
    """The seconds after which `watch(2)` ends a process that gets this share of a processor."""
    slept = []

    def sleeping(seconds):
        slept.append(seconds)
        sleep(len(slept))

    clock = SimpleNamespace(sleep=sleeping, process_time=lambda: share * len(slept))
    monkeypatch.setattr(worker, "time", clock)
    monkeypatch.setattr(worker.os, "_exit", lambda status: None)
    worker.watch(2)
    return len(slept)


@pytest.mark.parametrize("share, ticks", [(0.0, 8), (0.005, 8), (0.0625, 32), (1.0, 2)])
def test_a_busy_machine_ends_nobody(monkeypatch, share, ticks):
    """Two seconds of work, or eight of none, each at its share of a processor."""
    assert ticks_until_ended(monkeypatch, share=share) == ticks


def test_a_slow_judge_ends_nobody(monkeypatch):
    """It is the judge's turn for a hundred seconds, and then the answer's, which does nothing."""
    apart.JUDGING.set()

    def sleep(tick):
        if tick == 101:
            apart.JUDGING.clear()

    assert ticks_until_ended(monkeypatch, sleep) == 100 + 8


def test_it_is_the_judges_turn_except_while_the_answer_is_called():
    turns, calls = [], iter([(0, (), {}), (0, (), {})])

    class Connection:
        def recv(self):
            try:
                return next(calls)
            except StopIteration:
                raise EOFError from None

        def send_bytes(self, message):
            turns.append(apart.JUDGING.is_set())

    apart.serve(Connection(), [lambda: turns.append(apart.JUDGING.is_set())])
    assert turns == [False, True, False, True] and apart.JUDGING.is_set()


def test_a_cell_may_print_and_warn():
    cell = "import sys\nprint('a')\nsys.stderr.write('b')\nprint('c', file=sys.stderr)\nd = 1"
    names, problem = worker.executed("1.2", [cell])
    assert names["d"] == 1 and not problem
