"""How many numbers must learn, under a reward and under labels?

Morris et al. (2026, arXiv 2602.04118, TinyLoRA) reach 91 % on GSM8K with 13 trained numbers under
a reward; labels need 100 to 1,000 times more. Here a request that the base half understands
(`skill_lessons`) is taught by right answers, or by the share of right digits in the policy's own
answers, to methods that train from 1 to all numbers. Both teachers show as many texts, and every
way has its own rate.

Why it may differ: the paper's labels are demonstrations, with a style and wording that a model
must store to make them likely, and a reward pays for none of it. Here a right answer holds the
digits asked for and nothing else. And the base has all skills already: little must be stored.
"""

import numpy as np

from ...analysis.plots import style, subplots
from ...methods import FullFineTuning, LoRA, TinyLoRA
from ...objectives import PPO, cross_entropy
from ...system.platform import cpu_seconds
from ...tasks.worlds import skills
from . import conclusions
from .common import caveat, fit, look, seed_count, spread, text_table
from .protocol import TRIALS, Study, by_seed, compare, rates_table
from .skill_lessons import base, probability, request_of, rewarded, split

RANK, ENOUGH = 4, 0.9  # of TinyLoRA's SVD; the share of the best gain that is called enough
METHODS = {  # {name: (method, where its search begins with labels, and with a reward)}
    "TinyLoRA, 1": (TinyLoRA(1, RANK), 1e-1, 1e-1),
    "TinyLoRA, 4": (TinyLoRA(4, RANK), 1e-1, 1e-1),
    "TinyLoRA, 13": (TinyLoRA(13, RANK), 1e-1, 5e-2),
    "TinyLoRA, 52": (TinyLoRA(52, RANK), 5e-2, 3e-2),
    "LoRA r 1": (LoRA(1, 1, "all-linear"), 2e-2, 1e-2),
    "LoRA r 4": (LoRA(4, 4, "all-linear"), 1e-2, 5e-3),
    "full": (FullFineTuning(), 1e-3, 5e-4),
}
TEACHERS = ("labels", "reward")
ANCHOR = "LoRA r 4"
SETTINGS = {"steps": 40, "texts": 64, "group": 8, "scored": 500}
QUICK = {"steps": 3, "texts": 16, "group": 4, "scored": 50}
RATES = {
    f"{m}; {t}": usual[k] for m, (_, *usual) in METHODS.items() for k, t in enumerate(TEACHERS)
}


def one_run(cell):
    """One method under one teacher; "validation" is how unlikely the right digits still are."""
    (name, teacher), seed = cell["way"].split("; "), cell["seed"]
    request, rng = request_of(seed), np.random.default_rng(seed)
    model = METHODS[name][0].apply(base(), rng)
    batches, objective = lessons(teacher, model, request, cell, rng)
    start = cpu_seconds()
    fit(model, batches, objective, cell["lr"], steps=cell["steps"])
    spent = cpu_seconds() - start
    test = split(request, seed, "test", cell["scored"])
    validation = probability(model, split(request, seed, "validation", cell["scored"]))
    return {
        "validation": 1 - validation,
        "before": probability(base(), test),
        "probability": probability(model, test),
        "accuracy": skills.accuracy(model, test),
        "trained": sum(p.size for p in model.trainable_parameters()),
        "cpu_ms": 1000 * spent / cell["steps"],
    }


def lessons(teacher, model, request, cell, rng):
    """(batches, objective): as many texts a step from either teacher."""
    if teacher == "reward":
        return rewarded(model, request, cell["texts"], cell["group"], 1, rng), PPO()
    return (request.batch(cell["texts"], rng) for _ in range(cell["steps"])), cross_entropy


def run(seeds=5, quick=False, directory=None, processes=None):
    """Every method under either teacher, tuned, then once for each seed; plain numbers."""
    seeds, settings, trials = (1, QUICK, 0) if quick else (seeds, SETTINGS, TRIALS)
    study = Study("few_numbers", one_run, RATES, settings, trials)
    return {"quick": quick, **compare(study, seeds, directory, processes)}


def scores(numbers, name, teacher, measure="probability"):
    """(seeds,)"""
    return by_seed(numbers, f"{name}; {teacher}", measure)


def shares(numbers, name, teacher):
    """(seeds,) of the gain that LoRA r 4 makes under labels, the part that this one makes."""
    before = scores(numbers, ANCHOR, "labels", "before")
    gain = scores(numbers, name, teacher) - before
    return gain / (scores(numbers, ANCHOR, "labels") - before)


def trained(numbers, name):
    return numbers["ways"][f"{name}; labels"]["runs"][0]["trained"]


def fewest(numbers, teacher):
    """The fewest numbers with ENOUGH of the gain in every seed, or None."""
    enough = (n for n in METHODS if (shares(numbers, n, teacher) >= ENOUGH).all())
    return min((trained(numbers, n) for n in enough), default=None)


def table(numbers):
    """Probability of a right digit, accuracy and rate of every way, and the pairs."""
    rates = {way: (rate, between) for way, rate, between, _ in rates_table(numbers)}
    rows = []
    for name in METHODS:
        for teacher in TEACHERS:
            rate, between = rates[f"{name}; {teacher}"]
            found = [scores(numbers, name, teacher, m) for m in ("probability", "accuracy")]
            cpu = f"{scores(numbers, name, teacher, 'cpu_ms').min():.0f}"
            row = (teacher, f"{trained(numbers, name):,}", *map(lambda s: spread(s, 3), found))
            rows.append((name, *row, cpu, rate, between))
    titles = ("method", "teacher", "trained", "p(right digit)", "all five right")
    titles = (*titles, "CPU ms", "rate", "best rate between")
    before = spread(scores(numbers, ANCHOR, "labels", "before"), 3)
    texts = numbers["settings"]["steps"] * numbers["settings"]["texts"]
    return "\n".join(
        [
            *text_table(titles, rows, (14, 9, 9, 17, 17, 8, 9, 26)),
            f"Means ± standard deviations, {seed_count(numbers)}, {texts:,} texts each; the base: "
            f"{before}. {numbers['cpu_seconds'] / 60:.1f} CPU minutes.",
            verdict(numbers) + caveat(numbers),
        ]
    )


def claims(numbers):
    """{what, one less another: a difference for each seed}, of shares of the anchor's gain."""
    return {
        f"{name} ({trained(numbers, name):,}): reward, less labels": shares(numbers, name, "reward")
        - shares(numbers, name, "labels")
        for name in METHODS
    }


def verdict(numbers):
    """What the paper found, held against these numbers, pair by pair: one seed is one pair."""
    lines = [
        "Morris et al. (2026, arXiv 2602.04118): 13 numbers are enough under a reward; labels need "
        "100 to 1,000 times more.",
        f"Share of {ANCHOR}'s gain under labels:",
        conclusions.table(claims(numbers)),
    ]
    few = {teacher: fewest(numbers, teacher) for teacher in TEACHERS}
    said = [f"under {teacher} {'none' if n is None else f'{n:,}'}" for teacher, n in few.items()]
    lines.append(f"Fewest numbers with {ENOUGH} of the gain in every seed: {', '.join(said)}.")
    if None not in few.values():
        ratio = few["labels"] / few["reward"]
        holds = "as found there" if ratio >= 100 else "not the 100 to 1,000 times found there"
        lines.append(f"Labels need {ratio:.3g} times as many as a reward: {holds}.")
    return "\n".join(lines)


@style()
def figure(numbers):
    """How likely a right digit is, against the numbers trained; bars are standard deviations."""
    picture, axes = subplots(size=(6, 3.6))
    x = np.array([trained(numbers, name) for name in METHODS])
    for k, teacher in enumerate(TEACHERS):
        found = np.array([scores(numbers, name, teacher) for name in METHODS])
        place = x * (0.95, 1.05)[k]  # so that bars do not hide each other
        axes.errorbar(place, found.mean(1), found.std(1), **look(k), capsize=2, label=teacher)
    before = scores(numbers, ANCHOR, "labels", "before").mean()
    axes.axhline(before, color="black", linewidth=1)
    axes.text(x[-1], before + 0.015, "the base", ha="right")
    axes.set(xscale="log", xlabel="numbers trained", ylabel="p(right digit)", ylim=(None, 1.03))
    axes.set_xticks(x, [f"{n:,}" for n in x])
    axes.minorticks_off()
    axes.legend(loc="center right", title="taught by")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    said = [
        f"{trained(numbers, name):,}: "
        + ", ".join(f"{scores(numbers, name, t).mean():.3f} under {t}" for t in TEACHERS)
        for name in METHODS
    ]
    before = scores(numbers, ANCHOR, "labels", "before").mean()
    return f"Probability of a right digit by numbers trained; the base {before:.3f}. " + "; ".join(
        said
    )
