"""What lesson 10b says of stored runs: rewards, judges and prices on KL."""

import numpy as np

from docs import margins
from docs.margins import Claim, Given, Number, as_read, in_words, stored
from lora_np.course.experiments import few_numbers, judge_quality, rlhf

PAGE = "notebooks/10b_rlhf.ipynb"
RULE = "{}, beta 0.1, taught the rule"


def runs():
    return stored("rlhf")["runs"]


def judge(quality):
    return judge_quality.measures(runs(), quality)


def up_to_eight(what):
    """The mean over the judges right 0.6, 0.7 and 0.8 of the time, a world."""
    return np.mean([judge(quality)[what] for quality in ("0.6", "0.7", "0.8")], axis=0)


def above_the_reference(quality):
    """Whether each policy at beta 0.1 is: 1 a judge where that is so, else −1."""
    return np.where(judge(quality)["held"] > 0, 1, -1)


def agreed():
    found = [run["reward model"]["without noise"] for run in runs()]
    return min(found), max(found)


def pairs(name):
    return rlhf.paired(runs())[name]


def ahead_in(name):
    """In how many worlds the pairs are above zero, in words: here, and with another kernel."""
    other = as_read(margins.RESULTS / "Sandybridge" / "rlhf.json")["runs"]
    return [in_words(int((rlhf.paired(each)[name] > 0).sum())) for each in (runs(), other)]


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


def cost(kind):
    """Ascents that teaching the rule takes off, a seed."""
    return row(f"{kind}, beta 0.1", "true") - row(RULE.format(kind), "true")


HELD_10B = [
    Number(PAGE, "In each of {} worlds a judge reads", lambda: [in_words(len(runs()))]),
    Number(PAGE, "truth {}, {}, {} and {} of the time", lambda: [*runs()[0]["judges"]]),
    Claim(
        PAGE,
        "(b), in every world: the best comes within the first 20 iterations",
        lambda: np.minimum(20 - judge("0.8")["at"], judge("0.8")["peak"]),
    ),
    Claim(
        PAGE,
        "in every one at least 0.1 ascents are lost from there",
        lambda: judge("0.8")["fall"] - 0.1,
    ),
    Claim(
        PAGE,
        "Averaged over the three weaker judges, β = 0.1 ends above β = 0 in every world",
        lambda: up_to_eight("gain"),
    ),
    Claim(
        PAGE,
        "With 0.9 the pairs disagree, so there the price is not proved to help",
        lambda: judge("0.9")["gain"],
        holds=False,
    ),
    *(
        Claim(
            PAGE,
            "under 0.6 and 0.7 not every policy ends above the reference; under 0.8 each does",
            lambda quality=quality, sign=sign: (
                [sign * above_the_reference(quality).min() + 0.0] * len(runs())
            ),
        )
        for quality, sign in (("0.6", -1), ("0.7", -1), ("0.8", 1))
    ),
    Claim(
        PAGE,
        "at β = 0.1 the judge of 0.9 ends above that of 0.8 in every world",
        lambda: judge("0.9")["held"] - judge("0.8")["held"],
    ),
    Number(PAGE, "The judges agree with the truth {:.2f} to {:.2f} of the time", agreed),
    Claim(
        PAGE,
        "After so long a way β = 0 and β = 0.1 are not told apart",
        lambda: pairs("held - free"),
        holds=False,
    ),
    Claim(PAGE, "it puts either β ahead, depending on the seed", learned, holds=False),
    Claim(
        PAGE,
        "A larger β keeps PPO nearer to the reference",
        lambda: -np.diff(distance("PPO")).max(axis=1),
    ),
    Number(
        PAGE,
        "β = 0.1 ends ahead of β = 0 at the same KL in {} of five pairs; as another kind of "
        "processor rounds, in {}",
        lambda: ahead_in("at its KL"),
    ),
    Number(
        PAGE,
        "report DPO above PPO. At β = 0.1 it is, in {} of five pairs; as another kind of "
        "processor rounds, in {}",
        lambda: ahead_in("DPO - PPO"),
    ),
    Claim(
        PAGE,
        "With DPO the smaller β does not always end farther away",
        lambda: distance("DPO")[:, 0] - distance("DPO")[:, 1],
        holds=False,
    ),
    Claim(
        PAGE,
        "In every pair it is fewer than before by at least a tenth of all texts, and not none",
        lambda: np.minimum(
            by_the_rule("breaks the rule") - 0.1, row(RULE.format("PPO"), "breaks the rule") - 0.05
        ),
    ),
    Claim(
        PAGE,
        "In every pair it is fewer than before by at least a tenth of all texts, and not none",
        lambda: 0.25 - row(RULE.format("PPO"), "breaks the rule"),
    ),
    Claim(PAGE, "In every pair the rule costs PPO ascents", lambda: cost("PPO")),
    Claim(
        PAGE,
        "for DPO not every pair shows a cost",
        lambda: [0.01 - cost("DPO").min()] * len(runs()),
    ),
    *(
        Claim(
            PAGE,
            "Here reward and labels are not told apart at any of them",
            lambda name=name: few_numbers.claims(stored("few_numbers"))[name],
            holds=False,
        )
        for name in few_numbers.claims(stored("few_numbers"))
    ),
    Number(
        PAGE,
        "{} of the gain takes {} numbers under labels and {:,} under the reward",
        lambda: (
            few_numbers.ENOUGH,
            *(few_numbers.fewest(stored("few_numbers"), who) for who in few_numbers.TEACHERS),
        ),
    ),
    Given(PAGE, "with probability $\\mathrm{sigmoid}(\\mathrm{lead}/0.5)$", "a setting"),
    Given(PAGE, "\\mathrm{clip}(\\rho, 0.8, 1.2)", "a setting"),
    Given(PAGE, "with 0.2 for their ε", "a setting"),
    Given(PAGE, "A coin has 0.5", "arithmetic"),
    Given(PAGE, "160 iterations of PPO, each seed its own world", "a setting"),
    Given(PAGE, "the smaller of ρÂ = 0.5 and 0.8", "arithmetic"),
]
