"""The stored runs of lesson 8, by method: a number a seed of what each gained and forgot."""

import numpy as np

from docs.margins import SEEDS, stored
from lora_np.course.experiments import forgetting, methods_text, regret, truncation, variants
from lora_np.course.experiments.protocol import by_seed

FULL, C_ATTN, R8 = methods_text.FULL, regret.ATTENTION, methods_text.LORA
R1, R2, R32 = (regret.RANKS[rank] for rank in (1, 2, 32))
QLORA, DORA, PISSA, LORA_PLUS = variants.VARIANTS
SOME, ALL = 8_000, 6_063_953  # bytes of code in the smaller and the largest text of examples.json


def of(name, measure):
    """A number a seed, of what `python -m lora_np compare methods_text` measured."""
    return by_seed(stored("methods_text"), name, measure)


def gain(name):
    return of(name, methods_text.gain)


def forgotten(name):
    return of(name, methods_text.forgotten)


def loss(name):
    return of(name, regret.loss)


def share(name):
    return methods_text.shares(stored("methods_text"), name)


def settings():
    """(steps, millions of weights)"""
    numbers = stored("methods_text")
    trained = numbers["ways"][FULL]["runs"][0]["trained"]
    return numbers["settings"]["steps"], trained / 1e6


def ratio(name):
    """(the way's best rate over full's, the smallest and largest that their intervals allow)"""
    return regret.ratio(stored("methods_text"), name)


def slope(ways):
    """(of log rate on log rank, smallest, largest)"""
    return regret.slope(stored("methods_text"), ways)


def beyond_full(name):
    """What `name` forgets beyond full fine-tuning's curve of that seed, at the same gain."""
    numbers = stored("methods_text")
    return np.subtract(*forgetting.pairs(numbers, forgetting.compared(numbers)[name]))


def early(name):
    """What is forgotten after a quarter of the steps, as a share of what is at the end."""

    def part(run):
        before, quarter, *_, end = (at["prose"] for at in run["along"])
        return (quarter - before) / (end - before)

    return of(name, part)


def half_rate(measure):
    """`measure` of full fine-tuning at half of its best rate."""
    return of(FULL, lambda run: measure(run["gentler"][0]))


def cut(k):
    """(share of full's gain, of its forgetting) that its change keeps, cut to k directions."""
    return [found[k] for found in truncation.kept(stored("methods_text"))]


def directions():
    """The most that 90 % of a layer's squared change takes, a number a seed."""
    return of(FULL, lambda run: max(run["spectrum"]["rank for 90 %"].values()))


def above_lora(name):
    """How far a variant's loss lies above LoRA's, in per cent."""
    return variants.per_cent(stored("methods_text"), name)


def beyond_lora(name):
    """What a variant gained beyond LoRA, in per cent of LoRA's gain."""
    return variants.of_gain(stored("methods_text"), name)


def few(name, size, when):
    """(held-out loss on code minus the base's), a seed, for a text of `size` bytes."""
    name = {FULL: "full", R8: "LoRA r 8, all"}[name]
    runs = {
        r["seed"]: [e["code"] for e in r["evaluations"]]
        for r in stored("examples")
        if (r["name"], r["bytes"]) == (name, size)
    }
    return np.array([when(runs[seed]) - runs[seed][0] for seed in SEEDS])


def last(values):
    return values[-1]


def in_use(name):
    """A forward pass's time, in the base's, of 8 x 128 tokens and of one."""
    return [stored("inference")[name][tokens] for tokens in ("8 x 128 tokens", "one token")]
