"""Lesson 8: fine-tuning on real text."""

import numpy as np
from hypothesis import strategies as st

from ...methods.low_rank.lora import LoRA
from ...methods.low_rank.lora_linear import LoRALinear
from ...methods.targets import layers_of
from ...nn.gpt import GPT, GPTConfig
from ...objectives import cross_entropy
from ...tasks import Batch
from .exercise import Exercise
from .inputs import Broken, expect, same
from .laws_method import EXERCISES as METHOD

CONFIG = GPTConfig(vocab_size=5, n_positions=8, n_embd=8, n_layer=3, n_head=2)
TARGETS = Exercise("8.1", "Targets", "design", answer="targets", points=2)
WANTED = {f"h.{i}.attn.c_proj" for i in range(CONFIG.n_layer)}


def hit(targets):
    """The names of the layers that these targets reach in a GPT of three blocks."""
    model = GPT(CONFIG, np.random.default_rng(0))
    try:
        tuned = LoRA(2, 4.0, targets).apply(model, np.random.default_rng(0))
    except (ValueError, TypeError, AttributeError) as error:
        raise Broken(f"LoRA refuses them: {str(error)[:200]}") from None
    return {name for name, _ in layers_of(tuned, LoRALinear)}


@TARGETS.law("each of them matches a layer")
def something_matches(targets):
    """A target is the end of a dotted name; the names are in the message."""
    hit(targets)


@TARGETS.law("attention's c_proj is reached in every block")
def every_block_is_reached(targets):
    """A name that begins with h.0 is the end of one block's name alone."""
    missed = len(WANTED - hit(targets))
    expect(not missed, f"missed in {missed} of {len(WANTED)} blocks")


@TARGETS.law("nothing else is reached")
def nothing_else_is_reached(targets):
    """The MLP has a c_proj too. Which part of the longer name tells them apart?"""
    extra = hit(targets) - WANTED
    expect(not extra, f"reached beside it: {len(extra)} other layers")


FORGETTING = Exercise("8.2", "Forgetting", "implement", answer="forgetting", points=3)


class Plain:
    """A model without weights to learn: its logits are a table, row by row of the tokens."""

    def __init__(self, table):
        self.table = table

    def __call__(self, tokens):
        return self.table[tokens]


@st.composite
def texts(draw):
    """{tokens, targets, weights, seed}: five rows of text, some targets masked out."""
    seed = draw(st.integers(0, 99), label="seed")
    rng = np.random.default_rng(seed)
    weights = rng.integers(0, 2, (5, 3)).astype(float)
    weights[:, 0] = 1
    weights[0] = [1, 0, 0]
    return {
        "tokens": rng.integers(0, 4, (5, 3)),
        "targets": rng.integers(0, 4, (5, 3)),
        "weights": weights,
        "seed": seed,
    }


def models(seed):
    tables = np.random.default_rng([seed, 1]).standard_normal((2, 4, 4))
    return Plain(tables[0]), Plain(tables[1])


def batches(tokens, targets, weights, size):
    cuts = [slice(i, i + size) for i in range(0, len(tokens), size)]
    return [Batch(tokens[cut], targets[cut], weights[cut]) for cut in cuts]


def truth(before, after, tokens, targets, weights):
    whole = Batch(tokens, targets, weights)
    return cross_entropy(after(tokens), whole)[0] - cross_entropy(before(tokens), whole)[0]


@FORGETTING.law("a model that did not change forgot nothing", texts())
def nothing_changed_nothing_lost(forgetting, tokens, targets, weights, seed):
    """After minus before, of the same text."""
    before, _ = models(seed)
    same("the forgetting", forgetting(before, before, batches(tokens, targets, weights, 2)), 0.0)


@FORGETTING.law("it is positive where the loss has risen", texts())
def worse_is_positive(forgetting, tokens, targets, weights, seed):
    """Forgetting is a rise of the loss: which of the two comes first in the difference?"""
    before, after = models(seed)
    true = truth(before, after, tokens, targets, weights)
    got = forgetting(before, after, batches(tokens, targets, weights, 5))
    if abs(true) > 0.01:
        expect(np.sign(got) == np.sign(true), f"yours is {float(got):+.3f}, of the other sign")


@FORGETTING.law("how the text is cut into batches does not matter", texts())
def batch_size_does_not_matter(forgetting, tokens, targets, weights, seed):
    """Batches differ in how many targets count (batch.total). A mean of means forgets that."""
    before, after = models(seed)
    true = truth(before, after, tokens, targets, weights)
    for size in (5, 2, 3):
        cut = batches(tokens, targets, weights, size)
        same(f"the forgetting over {len(cut)} batches", forgetting(before, after, cut), true)


EXERCISES = [TARGETS, FORGETTING, *METHOD]
