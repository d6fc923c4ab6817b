"""Damaged files end in a model or a ValueError; the two scripts do the same for longer."""

import pytest

from robustness import fuzz_states
from robustness.fuzz_files import FINE, run

pytest.importorskip("resource")  # pipes and alarms: not on Windows


def test_damaged_files_end_in_a_clear_error():
    agree(run(250, seed=0))
    agree(run(75, seed=0, only="other"))


@pytest.mark.parametrize("kind", ["state", "sweep", "text", "rows", "folder", "notebook"])
def test_so_do_damaged_states_sweeps_texts_and_notebooks(kind):
    share = 0.25 if kind == "folder" else 0.5  # much of what is odd is text all the same
    agree(run(50, seed=0, only=kind, sources=fuzz_states.sources), share)


def agree(results, share=0.5):
    assert results.keys() == FINE, {
        ended: cases[:3] for ended, cases in results.items() if ended not in FINE
    }
    cases = sum(map(len, results.values()))
    assert len(results["an error that says so"]) > cases * share
