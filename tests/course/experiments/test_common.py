"""What the experiments share: the loop over seeds, tables, numbers in words."""

import pytest

from lora_np.course.experiments.common import (
    by_row,
    means_in_words,
    over_seeds,
    seed_count,
    spread,
    text_table,
)


def test_a_table_is_as_wide_as_it_is_told():
    lines = text_table(
        ("way", "a", "b", "c"), [("LoRA", 1, "2.5", ""), ("head", "", 3, 4)], (6, 3, 5)
    )
    assert lines == ["way     a    b    c", "LoRA    1  2.5", "head         3    4"]


def test_seeds_and_their_rows():
    runs, seconds = over_seeds(lambda seed: {"LoRA": [seed, 1.0], "head": [0, 0]}, 2, first=3)
    assert by_row(runs) == {"LoRA": [[3, 1.0], [4, 1.0]], "head": [[0, 0], [0, 0]]}
    assert len(seconds) == 2 and min(seconds) >= 0
    assert means_in_words(by_row(runs), 1) == "LoRA 3.5, 1.0; head 0.0, 0.0"
    assert spread([1, 3]) == "2.00 ± 1.00" and spread([0.5], 3) == "0.500 ± 0.000"
    assert [seed_count({"seeds": n}) for n in (1, 5)] == ["1 seed", "5 seeds"]


@pytest.mark.parametrize("seeds", [0, True, 2.0])
def test_no_seeds(seeds):
    with pytest.raises(ValueError, match="expected seeds from 1, a whole number, got"):
        over_seeds(print, seeds)
