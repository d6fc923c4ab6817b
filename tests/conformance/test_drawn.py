"""What laws are tried on: every draw is as its file says, and every kind of input comes."""

import itertools

import numpy as np
import pytest
from hypothesis import find, given, settings

from lora_np.conformance import drawn

PARTS = [parts for n in (1, 2, 3) for parts in map("".join, itertools.combinations("qkv", n))]
GAINS = {"gain": 1, "loss": -1}
KINDS = {
    "a square weight": (drawn.layer, lambda d: d["W"].shape[0] == d["W"].shape[1]),
    "an oblong weight": (drawn.layer, lambda d: d["W"].shape[0] != d["W"].shape[1]),
    "rank 1": (drawn.layer, lambda d: d["rank"] == 1),
    "a scale above 1": (drawn.layer, lambda d: d["alpha"] > d["rank"] > 1),
    "a scale below 1": (drawn.layer, lambda d: d["alpha"] < d["rank"]),
    "rows along one axis": (drawn.layer, lambda d: d["x"].ndim == 2),
    "rows along two axes": (drawn.layer, lambda d: d["x"].ndim == 3),
    "a smaller rank first": (drawn.unlike, lambda d: d["A"].shape[1] < d["A2"].shape[1]),
    "a larger rank first": (drawn.unlike, lambda d: d["A"].shape[1] > d["A2"].shape[1]),
    "fewer keys than queries": (drawn.attention, lambda d: d["sizes"]["k"] < d["sizes"]["q"]),
    "no ragged end": (drawn.weights, lambda d: len(d["w"]) % d["block"] == 0),
    "a ragged end of one": (drawn.weights, lambda d: len(d["w"]) % d["block"] == 1),
    "a ragged end of more": (drawn.weights, lambda d: len(d["w"]) % d["block"] > 1),
    "a temperature above 1": (drawn.rows, lambda d: d["temperature"] > 1),
    "a temperature below 1": (drawn.rows, lambda d: d["temperature"] < 1),
    **{
        f"factors of {parts}": (drawn.attention, lambda d, p=parts: set(d["enabled"]) == set(p))
        for parts in PARTS
    },
    **{
        f"{word} with a {gain}": (
            drawn.samples,
            lambda d, w=word, g=gain: np.any(where(d)[w] & (np.sign(d["advantages"]) == GAINS[g])),
        )
        for word in ("above", "within", "below")
        for gain in ("gain", "loss")
    },
}


def where(d):
    """Which ratios lie above, within and below what PPO's clip leaves alone."""
    ratio = np.exp(d["logp"] - d["old_logp"])
    above, below = ratio > 1 + d["clip"], ratio < 1 - d["clip"]
    return {"above": above, "below": below, "within": ~above & ~below}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn(kind):
    build, is_so = KINDS[kind]
    find(drawn.strategy(build), is_so, settings=settings(max_examples=2000, database=None))


@pytest.mark.parametrize("build", [drawn.layer, drawn.wide_layer, drawn.alike, drawn.unlike])
def test_a_layer_hides_nothing(build):
    """No size of 1, no zero, no α equal to r, and numbers that can be followed by hand."""

    @given(drawn.strategy(build))
    def holds(d):
        (n_in, n_out), r, r2 = d["W"].shape, d["rank"], d["A2"].shape[1]
        assert min(n_in, n_out) >= max(2, r + r2) and d["alpha"] != r
        assert r2 > 0 or build in (drawn.layer, drawn.wide_layer)
        shapes = {"A": (n_in, r), "B": (r, n_out), "A2": (n_in, r2), "B2": (r2, n_out)}
        shapes |= {"b": (n_out,), "x": (*d["x"].shape[:-1], n_in)}
        shapes |= {"dy": (*d["x"].shape[:-1], n_out)}
        assert {name: d[name].shape for name in shapes} == shapes
        for name in ("W", *shapes):
            assert np.all(d[name] != 0) and np.array_equal(d[name], d[name].round(1))

    holds()


@given(drawn.strategy(drawn.attention))
def test_a_fused_layers_parts_fill_its_columns(d):
    assert sum(d["sizes"].values()) == d["W"].shape[1] and d["sizes"]["k"] == d["sizes"]["v"]
    assert d["alpha"] != d["rank"] and d["x"].shape[-1] == len(d["W"])
    shapes = {f"A_{part}": (len(d["W"]), d["rank"]) for part in d["enabled"]}
    shapes |= {f"B_{part}": (d["rank"], d["sizes"][part]) for part in d["enabled"]}
    assert {name: value.shape for name, value in d["factors"].items()} == shapes


@given(drawn.strategy(drawn.weights))
def test_weights_are_whole_blocks_and_less_than_one_more(d):
    assert d["whole"] >= 1 and 0 <= len(d["w"]) - d["whole"] * d["block"] < d["block"]


@given(drawn.strategy(drawn.rows))
def test_rows_count_unequally_and_some_targets_are_masked(d):
    counts = d["counts"].sum(axis=1)
    assert d["logits"].shape == d["teacher"].shape == (*d["targets"].shape, d["logits"].shape[-1])
    assert d["targets"].min() >= 0 and d["targets"].max() < d["logits"].shape[-1]
    assert set(np.unique(d["counts"])) == {0, 1}
    assert counts[0] == d["counts"].shape[1] and np.all((counts[1:] > 0) & (counts[1:] < counts[0]))
    assert not np.array_equal(d["logits"], d["teacher"])


@pytest.mark.parametrize("build", [drawn.pairs, drawn.samples])
def test_logarithms_of_probabilities_are_drawn(build):
    @given(drawn.strategy(build))
    def holds(d):
        logs = [array for name, array in d.items() if np.ndim(array) and name != "advantages"]
        assert len({array.shape for array in logs}) == 1 and all(np.all(a < 0) for a in logs)

    holds()
