"""The stored runs of lesson 8, by method: a number a seed of what each gained and forgot."""

import numpy as np

from docs.margins import SEEDS, stored

FULL, C_ATTN, R8, R32 = "full", "LoRA r 8, c_attn", "LoRA r 8, all", "LoRA r 32, all"
SOME, ALL = 8_000, 6_063_953  # bytes of code in the smaller and the largest text of examples.json


def swept(name):
    """{rate: run} of the first seed."""
    return {
        run["lr"]: run
        for run in stored("finetune_table")
        if run["name"] == name and run["seed"] == SEEDS[0] and run["after"]
    }


def at_best(name):
    """A run a seed, at the rate that is best for the first."""
    best = min(swept(name).values(), key=lambda run: run["after"]["code"])["lr"]
    runs = {
        run["seed"]: run
        for run in stored("finetune_table")
        if (run["name"], run["lr"]) == (name, best)
    }
    return [runs[seed] for seed in SEEDS]


def gain(name):
    return np.array([run["base"]["code"] - run["after"]["code"] for run in at_best(name)])


def forgotten(name):
    return np.array([run["after"]["prose"] - run["base"]["prose"] for run in at_best(name)])


def beyond_full(name):
    """What `name` forgets beyond full fine-tuning's curve, of the first seed, at the same gain."""
    best = at_best(FULL)[0]["lr"]
    curve = sorted(
        (run["base"]["code"] - run["after"]["code"], run["after"]["prose"] - run["base"]["prose"])
        for rate, run in swept(FULL).items()
        if rate <= best
    )
    return forgotten(name) - np.interp(gain(name), *np.transpose(curve))


def best_rates():
    """How many times full's rate LoRA's is, r 8 and r 32: on the grid, and by a parabola."""
    grid, lowest = {}, {}
    for name in (FULL, R8, R32):
        points = sorted((rate, run["after"]["code"]) for rate, run in swept(name).items())
        rates, values = np.transpose(points)
        near = slice(values.argmin() - 1, values.argmin() + 2)
        a, b, _ = np.polyfit(np.log(rates[near]), values[near], 2)
        grid[name], lowest[name] = rates[values.argmin()], np.exp(-b / (2 * a))
    return [found[name] / found[FULL] for found in (grid, lowest) for name in (R8, R32)]


def loss(name):
    return np.array([run["after"]["code"] for run in at_best(name)])


def rounded():
    """What rounding cost on code before any training: the same for every seed."""
    return np.array(
        [run["before"]["code"] - run["base"]["code"] for run in at_best("QLoRA r 32, all")]
    )


def left(rank):
    """QLoRA's loss minus LoRA's, in pairs."""
    return loss(f"QLoRA r {rank}, all") - loss(f"LoRA r {rank}, all")


def few(name, size, when):
    """(held-out loss on code minus the base's), a seed, for a text of `size` bytes."""
    runs = {
        r["seed"]: [e["code"] for e in r["evaluations"]]
        for r in stored("examples")
        if (r["name"], r["bytes"]) == (name, size)
    }
    return np.array([when(runs[seed]) - runs[seed][0] for seed in SEEDS])


def last(values):
    return values[-1]


def above_chance(side):
    """A difference for each of the sixteen layers, of one pair of runs."""
    found = stored("rank_sweep")[f"overlap_r8_r64_{side}"].values()
    return [layer["first 1"] - layer["by chance"] for layer in found]


def rank_falls():
    losses = [run["after"]["code"] for run in stored("rank_sweep")["ranks"].values()]
    return [losses[0] - losses[-1]]


def same_numbers():
    """(rank 2 on all layers, rank 8 on c_attn), each a loss a seed."""
    runs = stored("rank_sweep")["same_numbers"].values()
    return [[run["after"]["code"] for run in each] for each in runs]


def in_use(name):
    """A forward pass's time, in the base's, of 8 x 128 tokens and of one."""
    return [stored("inference")[name][tokens] for tokens in ("8 x 128 tokens", "one token")]
