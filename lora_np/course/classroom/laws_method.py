"""Lesson 8, on method: a fair comparison, and what is wrong with one that is not."""

import numpy as np
from hypothesis import strategies as st

from .exercise import Exercise
from .inputs import expect, same

WAYS = ("LoRA", "full")
FAIR = Exercise("8.3", "A fair comparison", "design", answer="fair", points=4, apart=False)


class Lab:
    """A made-up laboratory: `train` answers at once, from a formula, and notes what it was asked.

    Each way's loss is a parabola in the logarithm of its rate; each seed moves both ways alike, and
    the test split's best rate lies elsewhere than the validation split's.
    """

    def __init__(self, shifts, seed):
        rng = np.random.default_rng(seed)
        self.usual = {"LoRA": 1e-2, "full": 1e-3}
        self.best = {way: lr * 10.0**shift for (way, lr), shift in zip(self.usual.items(), shifts)}
        self.floor = dict(zip(WAYS, rng.uniform(1, 2, 2)))
        self.asked = []  # (way, rate, seed, validation)

    def train(self, way, lr, seed):
        away = np.log10(lr / self.best[way])
        luck, own = np.random.default_rng([int(seed), 7]).normal(0, (0.3, 0.01))
        loss = self.floor[way] + luck + own * (way == "full")
        found = {"validation": loss + away**2, "test": loss + (away + 0.8) ** 2}
        self.asked.append((way, lr, seed, found["validation"]))
        return found

    def tried(self, way, seeds):
        """{rate: mean validation} of the runs that were not reported."""
        of_way = [run for run in self.asked if run[0] == way and run[2] not in seeds]
        rates = sorted({lr for _, lr, _, _ in of_way})
        return {lr: np.mean([v for _, at, _, v in of_way if at == lr]) for lr in rates}


@st.composite
def labs(draw):
    """{lab}: the best rates lie up to one and a half decades from the usual ones."""
    shift = st.floats(-1.5, 1.5)
    shifts = draw(shift, label="LoRA's best rate is off by 10^"), draw(shift, label="full's by 10^")
    return {"lab": Lab(shifts, draw(st.integers(0, 99), label="seed"))}


def compared(fair, lab):
    """(rates, differences) of the answer, in the form that was asked for."""
    found = fair(lab.train, dict(lab.usual))
    expect(isinstance(found, tuple) and len(found) == 2, "expected (rates, differences)")
    rates, differences = found
    expect(set(rates) == set(WAYS), f"expected a rate for each of {WAYS}")
    return rates, differences


@FAIR.law("five seeds or more are reported, none of which was tuned on", labs())
def fresh_seeds(fair, lab):
    """A seed whose luck chose the rate is lucky for that rate."""
    rates, differences = compared(fair, lab)
    expect(len(differences) >= 5, f"{len(differences)} seeds")
    for way, lr, seed, _ in lab.asked:
        expect(seed not in differences or lr == rates[way], "a seed in the report was tuned on")


@FAIR.law("each difference is of one seed's pair, on the test split", labs())
def paired_differences(fair, lab):
    """Both ways share the luck of a seed; in a difference of one seed it cancels."""
    rates, differences = compared(fair, lab)
    for seed, difference in differences.items():
        lora, full = (lab.train(way, rates[way], seed)["test"] for way in WAYS)
        same(f"seed {seed}'s difference", difference, lora - full)


@FAIR.law("each rate is the best on the validation split", labs())
def chosen_on_validation(fair, lab):
    """The test split answers one question, once. Which split may be asked many times?"""
    rates, differences = compared(fair, lab)
    for way in WAYS:
        tried = lab.tried(way, differences)
        expect(rates[way] == min(tried, key=tried.get), f"{way}: another rate has a lower loss")


@FAIR.law("each rate lies inside the rates tried, with a worse one on either side", labs())
def the_rate_is_inside(fair, lab):
    """Where the best rate is the first or the last tried, what may lie beyond it?"""
    rates, differences = compared(fair, lab)
    for way in WAYS:
        tried = list(lab.tried(way, differences))
        at = tried.index(rates[way]) if rates[way] in tried else -1
        expect(0 < at < len(tried) - 1, f"{way}'s rate {rates[way]:.2g} is at an edge, or untried")


@FAIR.law("both ways had as many runs to be tuned", labs())
def equal_tuning(fair, lab):
    """Whoever tries more rates finds a better one."""
    _, differences = compared(fair, lab)
    runs = [sum(run[0] == way and run[2] not in differences for run in lab.asked) for way in WAYS]
    expect(runs[0] == runs[1], f"LoRA had {runs[0]} runs, full {runs[1]}")


FLAWS = Exercise("8.4", "Find the flaw", "find the bug", answer="flaws", points=3)
EDGE, ON_TEST, FEW, UNEQUAL = KNOWN = (
    "rate at the edge",
    "tuned on the test split",
    "too few seeds",
    "unequal budgets",
)


@st.composite
def reports(draw):
    """{report, true}: a comparison of two ways as a paper might state it, and what is wrong in it.

    What is right varies too: the number of rates, which of them won, the seeds.
    """
    true = draw(st.sets(st.sampled_from(KNOWN)), label="flaws")
    n, rates = draw(st.integers(4, 6), label="rates tried"), {}
    at_edge = draw(st.sampled_from(WAYS)) if EDGE in true else None
    for way in WAYS:
        count = n + (UNEQUAL in true and way == "LoRA")
        edges, inside = st.sampled_from((0, count - 1)), st.integers(1, count - 2)
        best = draw(edges if way == at_edge else inside)
        rates[way] = {round(1e-4 * 3.0**k, 7): 1.5 + 0.1 * (k - best) ** 2 for k in range(count)}
    return {
        "report": {
            "validation loss by rate": rates,
            "tuned on": "test" if ON_TEST in true else "validation",
            "reported on": "test",
            "seeds": list(range(draw(st.integers(*((1, 2) if FEW in true else (5, 8)))))),
        },
        "true": sorted(true),
    }


@FLAWS.law("a fair report has no flaw", reports().filter(lambda drawn: not drawn["true"]))
def nothing_is_found_where_nothing_is(flaws, report, true):
    """Read again which words your function looks for, and where the report has them."""
    found = set(flaws(report))
    expect(not found, f"found {sorted(found)} in a fair report")


@FLAWS.law("every flaw is found, and no other", reports(), examples=80)
def all_are_found(flaws, report, true):
    """Ask one question of the report for each flaw; a report can have several, or none."""
    found = set(flaws(report))
    expect(found <= set(KNOWN), f"expected names out of {KNOWN}, got {sorted(found - set(KNOWN))}")
    expect(found == set(true), f"found {sorted(found)}, there are {true}")


EXERCISES = [FAIR, FLAWS]
