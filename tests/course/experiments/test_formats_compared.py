"""The formats' experiment: its world is the base's own, and what is stored can be read."""

import json
from pathlib import Path

import numpy as np
import pytest

from lora_np.course.experiments import formats, formats_world

STORED = Path(__file__).parents[3] / "benchmarks" / "results" / "formats.json"


@pytest.fixture(scope="module")
def numbers():
    return json.loads(STORED.read_text("utf-8"))


def test_outliers_change_the_weights_and_not_the_function():
    tokens = np.random.default_rng(0).integers(0, 257, (2, 24))
    base, other = formats_world.base(), formats_world.with_outliers()
    assert np.allclose(base(tokens), other(tokens), atol=1e-3)
    one, two = (model.h[0].attn.c_attn.weight.data for model in (base, other))
    changed = np.flatnonzero((one != two).any(axis=1))
    assert changed.tolist() == list(formats_world.CHANNELS)


def test_bytes_and_which_way_fits():
    assert formats_world.weight_bytes("MXFP4") == 786_432 * 17 // 32
    assert formats_world.fits("MXFP4", "GPTQ") and not formats_world.fits("Q4_K", "GPTQ")


def test_stored_numbers_have_a_table_claims_and_a_figure(numbers):
    table, claims = formats.table(numbers), formats.claims(numbers)
    for form, ways in numbers["roundings"][0]["plain"].items():
        assert form in table and form in formats.alt_text(numbers)
        for how in set(ways) - {"nearest"}:
            d = formats.costs(numbers, form, how) - formats.costs(numbers, form)
            assert np.allclose(claims[f"KL (10⁻³): {form}, {how} less nearest"], d)
    axes = formats.figure(numbers).axes[0]
    assert [line.get_label() for line in axes.lines] == list(formats_world.ROUNDINGS)
