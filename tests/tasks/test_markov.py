"""The source whose every probability is known draws by them."""

import numpy as np
import pytest

from lora_np.tasks.worlds.markov import MarkovSource

RNG = np.random.default_rng


@pytest.mark.parametrize("order", [1, 2])
def test_what_follows_what_follows_the_table(order):
    """Within five standard deviations, everywhere; and the beginning is uniform."""
    source = MarkovSource(RNG(0), 3, order)
    assert source.table.shape == (3,) * (order + 1) and np.allclose(source.table.sum(axis=-1), 1)
    tokens = source.sample(4000, 6, RNG(1))
    assert tokens.shape == (4000, 6)
    seen = np.zeros_like(source.table)
    for t in range(order, 6):
        np.add.at(seen, tuple(tokens[:, t - order : t + 1].T), 1)
    total = seen.sum(axis=-1, keepdims=True)
    p = source.table
    assert (np.abs(seen - total * p) <= 5 * np.sqrt(total * p * (1 - p)) + 1).all()
    first = np.bincount(tokens[:, 0], minlength=3)
    assert np.abs(first - 4000 / 3).max() < 5 * np.sqrt(4000 * 2 / 9)
    after = source.after(tokens)
    assert after.shape == (4000, 6 - order + 1, 3)
    assert np.array_equal(after[:, -1], p[tuple(tokens[:, 6 - order :].T)])
