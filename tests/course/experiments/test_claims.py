"""Pairs of one seed are told apart, or not: the rule, and what it says in WHICH_METHOD's table.

Every seed agrees, and the mean difference is three standard errors or more. What the pages say in
words is held in tests/docs/test_margins.py.
"""

import pathlib
import sys

import numpy as np
import pytest

from lora_np.course.experiments.common import paired, told_apart

ROOT = pathlib.Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / "benchmarks" / "tuning"))

import which_method  # noqa: E402


@pytest.mark.parametrize(
    "differences, apart",
    [
        ([1.0, 1.1, 0.9, 1.0, 1.2], True),
        ([-1.0, -1.1, -0.9], True),
        ([1.0, 1.1, 0.9, -0.1, 1.2], False),  # a pair disagrees
        ([0.1, 0.2, 9.0, 0.1, 0.2], False),  # one pair makes the mean
        ([0.5, 0.5, 0.0], False),  # and a tie does not agree
        ([1.0, 1.0], False),  # two pairs have no spread to speak of
        ([1.0], False),
        ([2.0, 2.0, 2.0], True),
    ],
)
def test_told_apart(differences, apart):
    theirs = np.linspace(3, 5, len(differences))
    ours = theirs + differences
    if differences == [0.5, 0.5, 0.0]:
        ours[-1] = theirs[-1]
    assert told_apart(ours, theirs) == told_apart(theirs, ours) == apart
    said = paired(ours, theirs)
    assert said.startswith("not told apart") != apart
    if apart:
        way, n = "above" if differences[0] > 0 else "below", len(differences)
        assert said.endswith(f"{way} in {n} of {n} pairs")


def signs(experiment_rows):
    """+1, -1, or 0 where not told apart."""
    return [
        int(np.sign(np.subtract(ours, theirs).mean())) * told_apart(ours, theirs)
        for ours, theirs in experiment_rows
    ]


def test_which_method_says_what_its_pairs_say():
    """The page's advice, in the order of its second table."""
    found = [(what, one, other) for what, one, other, _, _ in which_method.compared()]
    expected = {
        ("gain on code, %", "LoRA r 8, everywhere", "full fine-tuning"): -1,
        ("gain on code, %", "DoRA r 8, everywhere", "LoRA r 8, everywhere"): +1,
        ("gain on code, %", "QLoRA r 8, everywhere", "LoRA r 8, everywhere"): -1,
        ("gain on code, %", "LoRA r 8, everywhere", "LoRA r 8, c_attn"): +1,
        ("prose forgotten", "LoRA r 8, everywhere", "full fine-tuning"): -1,
        ("new: + 5", "prefix, 4 positions", "LoRA r 4, attention's qkv"): 0,
        ("new: reverse + 1", "LoRA r 1, everywhere", "full fine-tuning"): 0,
        ("new: reverse + 1", "LoRA r 4, attention's qkv", "LoRA r 1, everywhere"): 0,
        ("loss on code, 64 kB read", "LoRA r 8, everywhere", "full fine-tuning"): +1,
        ("the same, as a gap", "6 MB read", "64 kB read"): 0,
        ("perplexity of SmolLM2", "QLoRA r 8, everywhere", "LoRA r 8, everywhere"): +1,
    }
    assert found == list(expected)
    assert signs(row[3:] for row in which_method.compared()) == list(expected.values())
