"""What the pages say of trained models, and the differences that decide it.

A claim is a piece of a sentence, and the stored runs behind it: a list of differences, one a seed,
each above zero where that seed agrees. Seeds that draw the same windows are compared in pairs. A
claim holds if every seed agrees, or if their mean lies three standard errors above zero; and a
sentence that says that nothing can be told must have differences that do not hold.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

ROOT = Path(__file__).parents[2]
LESSON_8, TABLE = "notebooks/08_real_text.ipynb", "notebooks/CLAIMS.md"
SEEDS = (0, 1, 2)


class Claim(NamedTuple):
    """`says` stands on `page`; `differences()` is (seeds,)."""

    page: str
    says: str
    differences: Callable
    holds: bool = True  # False: the sentence says that these runs do not decide


def margin(differences):
    """(the mean in standard errors, whether every seed agrees)."""
    differences = np.asarray(differences, dtype=float)
    error = differences.std(ddof=1) / np.sqrt(len(differences))
    return differences.mean() / error if error else np.inf, bool((differences > 0).all())


def decided(differences):
    errors, all_agree = margin(differences)
    return len(differences) >= len(SEEDS) and (all_agree or errors > 3)


def stored(name):
    return json.loads((ROOT / "benchmarks" / "results" / f"{name}.json").read_text("utf-8"))


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


def same_numbers():
    """(rank 2 on all layers, rank 8 on c_attn), each a loss a seed."""
    runs = stored("rank_sweep")["same_numbers"].values()
    return [[run["after"]["code"] for run in each] for each in runs]


FULL, C_ATTN, R8, R32 = "full", "LoRA r 8, c_attn", "LoRA r 8, all", "LoRA r 32, all"
SOME, ALL = 8_000, 6_063_953  # bytes of code in the smaller and the largest text of examples.json

MARGINS_A = [
    # Rates: one seed each, so a point counts only if it lies outside what seeds do at the best.
    Claim(
        LESSON_8,
        "(c). How many times, this table says only roughly",
        lambda: swept(R8)[2e-3]["after"]["code"] - loss(R8),
    ),
    Claim(
        LESSON_8,
        "That rate ruins full fine-tuning",
        lambda: swept(FULL)[1e-2]["after"]["code"] - loss(FULL),
    ),
    Claim(
        LESSON_8,
        "give both methods one rate, 0.01, and LoRA has the lower loss",
        lambda: swept(FULL)[1e-2]["after"]["code"] - loss(R8),
    ),
    Claim(
        LESSON_8,
        "each method at its own best rate, the order turns round",
        lambda: loss(R8) - loss(FULL),
    ),
    Claim(
        LESSON_8,
        "neighbours on the grid differ by as little as seeds do",
        lambda: swept(R8)[5e-3]["after"]["code"] - loss(R8) - np.ptp(loss(R8)),
        holds=False,
    ),
    # Gain and forgetting, in pairs.
    Claim(
        LESSON_8,
        "more layers and a larger rank buy more of the gain",
        lambda: np.minimum(gain(R8) - gain(C_ATTN), gain(R32) - gain(R8)),
    ),
    Claim(LESSON_8, "LoRA comes close and does not arrive", lambda: gain(FULL) - gain(R32)),
    Claim(
        LESSON_8,
        "and from 8 to 32, each at its own rate, by 0.05",
        lambda: 0.02 - abs(gain(R32) - gain(R8) - 0.05),
    ),
    Claim(
        LESSON_8,
        "LoRA on all layers has forgotten a little more than full fine-tuning",
        lambda: np.minimum(forgotten(R8), forgotten(R32)) - forgotten(FULL),
    ),
    Claim(
        LESSON_8,
        "on c_attn alone it forgot a little less",
        lambda: forgotten(FULL) - forgotten(C_ATTN),
    ),
    Claim(LESSON_8, "and gained a good deal less", lambda: 0.8 - gain(C_ATTN) / gain(FULL)),
    Claim(
        LESSON_8,
        "At rank 8 it has forgotten 0.1 more, several times what seeds differ by",
        lambda: forgotten(R8) - 0.224 - 3 * np.ptp(forgotten(FULL)),
    ),
    Claim(
        LESSON_8,
        "of rank 8, reaches nine tenths of the gain",
        lambda: 0.02 - abs(gain(R8) / gain(FULL) - 0.9),
    ),
    Claim(
        TABLE,
        "most of full fine-tuning's gain, at its own learning rate",
        lambda: gain(C_ATTN) / gain(FULL) - 0.5,
    ),
    Claim(
        TABLE,
        "accuracy given enough text, at a price in forgetting",
        lambda: np.minimum(gain(FULL) - gain(R32), forgotten(FULL)),
    ),
    Claim(
        LESSON_8,
        "it has the lower loss on code in each of three seeds",
        lambda: np.subtract(*reversed(same_numbers())),
    ),
    # QLoRA against LoRA, in pairs.
    Claim(LESSON_8, "At rank 32 all three pairs agree", lambda: left(32)),
    Claim(
        LESSON_8,
        "about a third of what rounding cost is left",
        lambda: 0.1 - abs(left(32) / rounded() - 1 / 3),
    ),
    Claim(
        LESSON_8, "At rank 8 the pairs do not even agree on the sign", lambda: left(8), holds=False
    ),
    # Directions: sixteen layers of one pair of runs.
    Claim(LESSON_8, "the inputs are a little above chance", lambda: above_chance("inputs")),
    Claim(LESSON_8, "the outputs far", lambda: above_chance("outputs")),
    # How much text.
    Claim(
        LESSON_8,
        "With little text both methods spoil the model",
        lambda: np.minimum(few(FULL, SOME, last), few(R8, SOME, last)),
    ),
    Claim(
        LESSON_8,
        "LoRA's fewer numbers are no protection at these rates",
        lambda: few(R8, SOME, last) - few(FULL, SOME, last),
    ),
    Claim(
        LESSON_8,
        "from a thousand bytes there is nothing to gain",
        lambda: 1e-9 + few(FULL, 1000, min),
    ),
    Claim(
        LESSON_8,
        "with all the text and 100 steps, LoRA is too near to tell",
        lambda: few(R8, ALL, last) - few(FULL, ALL, last),
        holds=False,
    ),
]
