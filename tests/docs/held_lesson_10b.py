"""What lesson 10b says of stored runs: rewards, judges and prices on KL."""

import numpy as np

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments import judge_quality, rlhf

PAGE = "notebooks/10b_rlhf.ipynb"
RULE = "{}, beta 0.1, taught the rule"


def runs():
    return stored("rlhf")["runs"]


def judge(quality):
    return judge_quality.measures(runs(), quality)


def up_to_eight(what):
    """Of the judges right 0.6, 0.7 and 0.8 of the time, in every world: 15 pairs."""
    return np.concatenate([judge(quality)[what] for quality in ("0.6", "0.7", "0.8")])


def agreed():
    found = [run["reward model"]["without noise"] for run in runs()]
    return min(found), max(found)


def pairs(name):
    return rlhf.paired(runs())[name]


def learned():
    """Beta 0.1's learned reward less beta 0's at the end, a seed."""
    held, free = (judge_quality.last(rlhf.gains(runs(), b, "learned")) for b in ("0.1", "0.0"))
    return held - free


def distance(kind):
    """(seeds, betas): KL from the reference at the end."""
    return np.array([[run[kind][b]["KL"] for b in ("0.02", "0.1", "0.5")] for run in runs()])


def row(name, column):
    return np.array([rlhf.rows_of(run)[name][column] for run in runs()])


def by_the_rule(column):
    """What teaching the rule takes off, the least of PPO's and DPO's, a seed."""
    kinds = ("PPO", "DPO")
    return np.min(
        [row(f"{kind}, beta 0.1", column) - row(RULE.format(kind), column) for kind in kinds],
        axis=0,
    )


HELD_10B = [
    Number(PAGE, "In each of {} worlds a judge reads", lambda: [in_words(len(runs()))]),
    Number(PAGE, "truth {}, {}, {} and {} of the time", lambda: [*runs()[0]["judges"]]),
    Claim(
        PAGE,
        "(b), in every world: the best comes within the first 20 iterations",
        lambda: np.minimum(20 - judge("0.8")["at"], judge("0.8")["peak"]),
    ),
    Claim(PAGE, "at least 0.1 ascents are lost from there", lambda: judge("0.8")["fall"] - 0.1),
    Claim(
        PAGE,
        "Up to 0.8, β = 0.1 ends above β = 0 in all 15 pairs, by 0.1 ascents or more",
        lambda: up_to_eight("gain") - 0.1,
    ),
    Claim(PAGE, "0.1 ascents or more, and above the reference", lambda: up_to_eight("held")),
    Claim(
        PAGE,
        "With 0.9 the pairs disagree, so there the price is not proved to help",
        lambda: judge("0.9")["gain"],
        holds=False,
    ),
    Claim(
        PAGE,
        "The better judge helps at either β: 0.9 ends above 0.8 in every world",
        lambda: np.min([judge("0.9")[at] - judge("0.8")[at] for at in ("end", "held")], axis=0),
    ),
    Number(PAGE, "The judges agree with the truth {:.2f} to {:.2f} of the time", agreed),
    Claim(
        PAGE,
        "At β = 0 every seed's ascents peak and then fall, by 0.2 or more",
        lambda: pairs("peak - end") - 0.2,
    ),
    Claim(PAGE, "β = 0.1 ends above β = 0 in all five pairs", lambda: pairs("held - free")),
    Claim(PAGE, "it puts either β ahead, depending on the seed", learned, holds=False),
    Claim(
        PAGE,
        "A larger β keeps PPO nearer to the reference",
        lambda: -np.diff(distance("PPO")).max(axis=1),
    ),
    Claim(PAGE, "Our pairs do not settle it", lambda: pairs("at its KL"), holds=False),
    Claim(
        PAGE,
        "report DPO above PPO: at β = 0.1 it is, in all five pairs",
        lambda: pairs("DPO - PPO"),
    ),
    Claim(
        PAGE,
        "DPO's smaller β is not always the farther one",
        lambda: distance("DPO")[:, 0] - distance("DPO")[:, 1],
        holds=False,
    ),
    Claim(
        PAGE,
        "(b). Far fewer than before, and not none",
        lambda: np.minimum(
            by_the_rule("breaks the rule") - 0.2, row(RULE.format("PPO"), "breaks the rule") - 0.05
        ),
    ),
    Claim(PAGE, "In every pair the rule costs ascents", lambda: by_the_rule("true")),
    Given(PAGE, "with probability $\\sigma\\big((r_a - r_b)/0.5\\big)$", "a setting"),
    Given(PAGE, "A coin has 0.5", "arithmetic"),
    Given(PAGE, "At ρ = 0.5 the gradient is −0.5", "its cell checks it"),
    Given(PAGE, "200 iterations of PPO, each seed its own world", "a setting"),
]
