"""Damaged files end in a model or a ValueError; fuzz_files.py does the same for longer."""

from fuzz_files import FINE, run


def test_damaged_files_end_in_a_clear_error():
    results = run(500, seed=0)
    assert results.keys() == FINE, {
        ended: cases[:3] for ended, cases in results.items() if ended not in FINE
    }
    assert len(results["an error that says so"]) > 250
