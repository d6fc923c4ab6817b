"""The experiments on what teaches, in miniature: they run, repeat, and say what they found."""

import json

import numpy as np
import pytest

from lora_np.experiments import context, distillation, rlhf
from lora_np.experiments.rlhf_world import Size, World, ascents, breaks_the_rule, safe_ascents
from lora_np.nn import GPT
from lora_np.plots import png

TINY_RLHF = Size(40, 5, 3, 3, 2, 20, (0.0, 0.1))
TINY_DISTILLATION = distillation.Size(3, 3, (4, 8))
RNG = np.random.default_rng


def miniature(name):
    if name == "rlhf":
        return {"runs": [rlhf.one_seed(seed, TINY_RLHF) for seed in range(2)]}
    if name == "context":
        return {"steps": 12, "runs": [context.one_seed(seed, 12, (8,)) for seed in range(2)]}
    runs = [distillation.one_seed(seed, TINY_DISTILLATION) for seed in range(2)]
    return {"texts": [4, 8], "steps": 3, "runs": runs}


@pytest.mark.parametrize("module", [context, distillation, rlhf])
def test_in_miniature(module):
    """Seeds differ, a seed repeats, and table, figure and text come from the stored numbers."""
    name = module.__name__.rpartition(".")[2]
    numbers = miniature(name)
    again = miniature(name)
    for run in numbers["runs"] + again["runs"]:
        assert run.pop("CPU seconds") >= 0
    assert numbers == again and numbers["runs"][0] != numbers["runs"][1]
    stored = json.loads(json.dumps(numbers))
    for run in stored["runs"]:
        run["CPU seconds"] = 1.0
    assert "±" in module.table(stored) and "et al." in module.table(stored)
    assert png(module.figure(stored)) and len(module.alt_text(stored)) > 80


def test_hidden_rewards():
    strings = np.array([[0, 1, 2, 2, 1], [5, 0, 1, 0, 1], [0, 5, 0, 5, 0]])
    assert np.array_equal(ascents(strings), [2, 2, 2])
    assert np.array_equal(breaks_the_rule(strings), [False, False, True])  # a prompt may have it
    assert np.array_equal(safe_ascents(strings), [2, 2, -1])


def test_pairs_share_their_prompt_and_are_ordered():
    world = World(TINY_RLHF, RNG(0))
    pairs = world.draw_pairs(50, ascents, 0)
    assert np.array_equal(pairs[0::2, 0], pairs[1::2, 0])
    assert (ascents(pairs[0::2]) >= ascents(pairs[1::2])).all()


def test_the_gap_is_zero_for_the_truth_itself():
    """A model whose logits are the table's logarithms has no gap; another one has."""

    class Knows:
        def __call__(self, texts):
            logits = np.zeros((*texts.shape, distillation.SYMBOLS))
            logits[:, 1:] = np.log(source.after(texts) + 1e-300)
            return logits

    source = distillation.MarkovSource(RNG(0), distillation.SYMBOLS, distillation.ORDER, 0.3)
    texts = source.sample(5, distillation.LENGTH, RNG(1))
    assert distillation.gap(source, Knows(), texts) == 0
    assert distillation.gap(source, GPT(distillation.STUDENT, RNG(2)), texts) > 0.3


def test_the_source_follows_its_table():
    source = distillation.MarkovSource(RNG(0), symbols=3, order=2)
    texts = source.sample(4000, 8, RNG(1))
    counts = np.zeros_like(source.table)
    for t in range(2, 8):
        np.add.at(counts, (texts[:, t - 2], texts[:, t - 1], texts[:, t]), 1)
    seen = counts / counts.sum(axis=-1, keepdims=True)
    assert np.abs(seen - source.table).max() < 0.05
    assert np.allclose(source.table.sum(axis=-1), 1)
    assert np.array_equal(source.after(texts[:, :3])[:, 1], source.table[texts[:, 1], texts[:, 2]])
