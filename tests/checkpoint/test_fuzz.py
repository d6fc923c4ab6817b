"""Damaged files end in a model or a ValueError; fuzz_files.py does the same for longer."""

from fuzz_files import run


def test_damaged_files_end_in_a_clear_error():
    results = run(400, seed=0)
    assert results.keys() == {"loaded", "ValueError"}, {
        ended: cases[:3] for ended, cases in results.items() if ended != "loaded"
    }
    assert len(results["ValueError"]) > 200
