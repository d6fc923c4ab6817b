"""Long work shows that it goes on: a clock at a terminal, one line elsewhere, nothing if short."""

import contextlib
import io
import threading
import time

import pytest

from lora_np.system import progress
from lora_np.system.platform import HAS_THREADS


class Stream(io.StringIO):
    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


@pytest.fixture(params=[True, False], ids=["terminal", "file"])
def stream(request, monkeypatch):
    monkeypatch.setattr(progress, "SECOND", 0.05)
    return Stream(request.param)


def wait_for(stream, words):
    """Sees `words` while the work is still going on."""
    deadline = time.monotonic() + 600
    while words not in stream.getvalue():
        assert time.monotonic() < deadline, stream.getvalue()[-200:]
        time.sleep(0.01)


def test_waiting_says_what_for(stream):
    with contextlib.redirect_stderr(stream), progress.waiting("reading it"):
        wait_for(stream, "reading it: 00:0" if stream.terminal else "reading it ...\n")
    assert stream.getvalue().count("reading it ...") == (not stream.terminal)


def test_a_bars_clock_goes_on_without_an_update(stream):
    with contextlib.redirect_stderr(stream), progress.progress_bar(None, 9, 0, "step"):
        if stream.terminal:
            wait_for(stream, "00:01")
    assert ("step" in stream.getvalue()) == stream.terminal


def test_what_is_short_or_switched_off_says_nothing(stream, monkeypatch):
    monkeypatch.setattr(progress, "SECOND", 3600)
    with contextlib.redirect_stderr(stream):
        with progress.announced("reading it"), progress.progress_bar(False, 9, 0, "step"):
            pass
    assert not stream.getvalue()


def test_an_error_ends_the_clock(stream):
    with contextlib.redirect_stderr(stream), pytest.raises(KeyError):
        with progress.waiting("reading it"):
            raise KeyError
    length = len(stream.getvalue())
    time.sleep(0.2)
    assert len(stream.getvalue()) == length


@pytest.mark.skipif(not HAS_THREADS, reason="no threads here")
def test_a_clock_keeps_no_process_alive_and_is_gone_with_its_block():
    before = {*threading.enumerate()}
    with progress.every(3600, pytest.fail):
        (clock,) = {*threading.enumerate()} - before
        assert clock.daemon
    assert not clock.is_alive()
