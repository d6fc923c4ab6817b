"""Few labels: a pattern that asks the model's own head, against a new head that knows nothing.

One base has read reviews with verdicts behind them, in words that fit the label more often than
not: the pattern asks for those very words. Another has read the same reviews without any verdict,
so its words for one mean nothing to it. Neither was ever told a label. Every way sees the same few
labelled reviews, half of them of each label, and is scored on others. The patterns' models are
also asked together, and PET distils them into one classifier by labels they put on reviews that
have none.

PET (Schick & Schütze 2021, arXiv 2001.07676, §4, table 1) gains with every larger set of labels,
and most over a new head with the fewest. It may differ here: a model that read text of every kind
has met its verbalizer's words; PET's auxiliary language-model loss is left out; and rates are tuned
on labels of other reviews, which someone with four labels does not have (Perez et al. 2021,
arXiv 2105.11447).
"""

import functools

import numpy as np

from ...analysis.plots import style, subplots
from ...system.checks import check_whole
from ...tasks.patterns import ensemble
from ...tasks.worlds import reviews
from . import conclusions
from .bases import PLAIN_REVIEWS, REVIEWS
from .common import caveat, look, means_in_words, seed_count, text_table
from .few_shot import (
    ASKS,
    PATTERN,
    PATTERN_LORA,
    PET,
    RATES,
    STEPS,
    TOGETHER,
    FewShot,
    balanced,
    brier,
    right,
)
from .protocol import Study, by_seed, compare, rates_table, without_runs

SIZES = (4, 10, 32)
BASES = {"": REVIEWS, ", no verdicts": PLAIN_REVIEWS}  # by what stands behind a way's name
WITH, WITHOUT = BASES
RIVALS = (  # held against each other, seed by seed
    (PATTERN, "new head, all numbers"),
    (PATTERN_LORA, "new head, LoRA r 4"),
    (PATTERN, "new head alone"),
)


def run(seeds=5, quick=False, directory=None, processes=None):
    """Every way from every number of labels, on both bases; rows of accuracies, (seeds, sizes).

    Twice as many seeds are drawn as asked for: with four labels, which four they are decides much.
    `quick` takes one seed, 4 and 10 labels, and smaller tests.
    Raises: ValueError for seeds below 1.
    """
    check_whole("expected seeds", seeds)
    sizes, tested, steps = (SIZES[:2], 200, 10) if quick else (SIZES, 600, STEPS)
    settings = {"sizes": sizes, "tested": tested, "steps": steps}
    rates = {f"{way}{base}": lr for base in BASES for way, lr in RATES.items()}
    rates.pop(f"{PET}{WITHOUT}")
    study = Study("patterns", run_cell, rates, settings, trials=0 if quick else 5)
    evidence = compare(study, 1 if quick else 2 * seeds, directory, processes)
    rows = {way: by_seed(evidence, way, "scores").tolist() for way in rates}
    zero = [
        [asked(base, seed, tested, steps) for seed in range(evidence["seeds"])] for base in BASES
    ]
    return {
        "quick": quick, "sizes": sizes, "seeds": evidence["seeds"], "patterns": ASKS,
        "zero": zero[0], "zero_without": zero[1],
        "rows": rows | {TOGETHER: by_seed(evidence, PATTERN, "together").tolist()},
        "each_pattern": by_seed(evidence, PATTERN, "each").tolist(),
        "tuning": without_runs(evidence), "cpu_seconds": evidence["cpu_seconds"],
    }  # fmt: skip


@functools.lru_cache(maxsize=32)
def few_shot_of(base, seed, tested, steps):
    """One seed's reviews: a third of those to label are for validation, the others for the test."""
    test = reviews.reviews(tested + tested // 2, np.random.default_rng([seed, 1]))
    unlabelled, _ = reviews.reviews(300, np.random.default_rng([seed, 2]))
    return FewShot(BASES[base].load(), test, unlabelled, steps)


def run_cell(cell):
    base = WITHOUT if cell["way"].endswith(WITHOUT) else WITH
    way, validated = cell["way"].removesuffix(base), cell["tested"] // 2
    few_shot = few_shot_of(base, cell["seed"], cell["tested"], cell["steps"])
    labels, scores, each, together = few_shot.test[1], [], [], []
    for size in cell["sizes"]:
        few = balanced(size, np.random.default_rng([cell["seed"], 3, size]))
        rng = np.random.default_rng([cell["seed"], 4, size])
        answers = few_shot.answers(way, cell["lr"], few, rng)
        scores.append(np.mean([brier(p[:validated], labels[:validated]) for p in answers]))
        each.append([right(p[validated:], labels[validated:]) for p in answers])
        together.append(right(ensemble(answers)[validated:], labels[validated:]))
    return {
        "validation": float(np.mean(scores)),
        "scores": np.mean(each, axis=1).tolist(),  # of three models, not of one that knows them all
        "each": each,
        "together": together,
    }


def asked(base, seed, tested, steps):
    """The base's own accuracy with each pattern, with nothing trained."""
    few_shot = few_shot_of(base, seed, tested, steps)
    labels = few_shot.test[1][tested // 2 :]
    return [right(p[tested // 2 :], labels) for p in few_shot.ask_base()]


def middle(values):
    """The median and the ends: one head that learns nothing makes a standard deviation."""
    return f"{np.median(values):.3f} ({np.min(values):.2f} to {np.max(values):.2f})"


def table(numbers):
    """Accuracy, median and range over the seeds, a column for each number of labels."""
    zero = {PATTERN: numbers["zero"], f"{PATTERN}{WITHOUT}": numbers["zero_without"]}
    zero |= {f"{PATTERN_LORA}{base}": zero[f"{PATTERN}{base}"] for base in BASES}
    each, rows = np.array(numbers["each_pattern"]), []
    rates = {row[0]: row[1] for row in rates_table(numbers["tuning"])}
    for name, scores in numbers["rows"].items():
        first = middle(np.mean(zero[name], axis=1)) if name in zero else ""
        columns = map(middle, np.transpose(scores))
        rows.append([name, rates.get(name, ""), first, *columns])
        if name == PATTERN:
            for k, ask in enumerate(numbers["patterns"]):
                columns = (np.array(numbers["zero"])[:, k], *each[:, :, k].T)
                rows.append([f"  “{ask} …”", "", *map(middle, columns)])
    lines = text_table(("labels", "rate", 0, *numbers["sizes"]), rows, (36, 9, 24))
    lines.append(
        f"Share of reviews labelled right; {seed_count(numbers)}, median and range; the best "
        f"possible is {best_possible():.3f}.\nA pattern's row is the mean of {len(ASKS)} models, "
        f"one for each pattern. {numbers['cpu_seconds'] / 60:.1f} CPU minutes.\nThe base read "
        f"verdicts whose words fit the label ({reviews.PLAIN[1]:.0%} “great” against "
        f"{reviews.PLAIN[0]:.0%}); where it says “no verdicts”\nit read none. PET is without its "
        "auxiliary language-model loss."
    )
    return "\n".join([*lines, verdict(numbers)]) + caveat(numbers)


def advantage(numbers, ours, theirs, base):
    """(seeds, sizes): how far the pattern is ahead."""
    one, two = (np.array(numbers["rows"][f"{way}{base}"]) for way in (ours, theirs))
    return one - two


def claims(numbers):
    """{what, one less another: a difference for each seed}, of shares labelled right."""
    found = {}
    for ours, theirs in RIVALS:
        ahead = {base: advantage(numbers, ours, theirs, base) for base in BASES}
        for base, values in ahead.items():
            for size, column in zip(numbers["sizes"], values.T):
                found[f"{size} labels: {ours}, less {theirs}{base}"] = column
            found[f"mean: {ours}, less {theirs}{base}"] = values.mean(axis=1)
        more = ahead[WITH].mean(axis=1) - ahead[WITHOUT].mean(axis=1)
        found[f"of that lead, with verdict words, less without: {ours}"] = more
    return found


def verdict(numbers):
    """A pattern beside a new head on each base, and what the verdicts' words make of that."""
    return (
        "Schick & Schütze (2021, arXiv 2001.07676) find a pattern ahead of a new head, most with "
        f"the fewest labels.\n{conclusions.table(claims(numbers))}"
    )


def best_possible():
    """The share that a majority of the three remarks labels right: 3a²(1 − a) + a³."""
    a = reviews.AGREES
    return 3 * a * a * (1 - a) + a * a * a


@style()
def figure(numbers):
    """Accuracy against the number of labels, one panel a base; medians, bars to the quartiles."""
    picture, panels = subplots(1, 2, size=(6.8, 3.8), sharey=True)
    shown = [PATTERN, PET, "new head, all numbers", "new head alone"]
    sizes = np.array(numbers["sizes"])
    for axes, base, title in zip(panels, BASES, ("read verdicts", "read none")):
        for k, name in enumerate(shown):
            if f"{name}{base}" not in numbers["rows"]:
                continue
            scores, x = np.array(numbers["rows"][f"{name}{base}"]), sizes * 1.05 ** (k - 1.5)
            low, half, high = np.quantile(scores, (0.25, 0.5, 0.75), axis=0)
            axes.errorbar(x, half, (half - low, high - half), **look(k), capsize=3, label=name)
        axes.axhline(best_possible(), color="black", linewidth=1, linestyle=(0, (2, 2)))
        axes.text(sizes[-1], best_possible() + 0.008, "the best possible", ha="right")
        axes.set_xscale("log")
        axes.set_xticks(sizes, sizes)
        axes.minorticks_off()
        axes.set(xlabel="labelled reviews", title=f"the base {title}", ylim=(0.44, 0.94))
    panels[0].set_ylabel("labelled right")
    panels[0].legend(loc="lower right")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    sizes, words = ", ".join(map(str, numbers["sizes"])), means_in_words(numbers["rows"], 3)
    return f"Share of reviews labelled right from {sizes} labels; means. {words}."
