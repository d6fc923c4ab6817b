"""Is LoRA hurt by large batches? Full fine-tuning against LoRA, the same examples in all.

LoRA Without Regret (Schulman & Thinking Machines Lab 2025) finds that LoRA pays more than full
fine-tuning for a large batch, at any rank, and lays it to the product of two matrices. "Beware of
the batch size" (arXiv 2602.09492) finds that conflicting claims about LoRA come from the batch at
which each was measured.

Every way reads as many examples, so that a batch eight times as large has an eighth of the steps;
each is tuned by itself. Two controls take a small batch for as few steps: what they lose as well
is lost to the steps, not to the batch. And LoRA runs at α = r and at a large α, where B learns
faster than A under Adam (experiment "alpha"). The task is new to the base: a table renames digits.

It may differ here: a model of 27,008 weights, fresh examples (nothing is read twice on purpose),
and runs of at most a few hundred steps, in which LoRA's B has to leave 0 first.
"""

import numpy as np

from ...analysis.plots import style, subplots
from ...methods import FullFineTuning, LoRA
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare, rates_table
from .skill_runs import HELD, adapt, base, loss_on, renamed, trained

FULL = "full"
LARGE = "LoRA r 8, α = 256"
METHODS = {  # name: (the method, where its search begins)
    FULL: (FullFineTuning(), 8e-3),
    "LoRA r 1": (LoRA(1, 1, "all-linear"), 5e-2),
    "LoRA r 8": (LoRA(8, 8, "all-linear"), 4e-2),
    LARGE: (LoRA(8, 256, "all-linear"), 2e-3),
}
EXAMPLES, BATCHES = 8192, (32, 64, 128, 256, 512)
SMALL, CONTROLS = 64, (256, 512)  # a batch of 64 for as many steps as these batches have


def arms(examples, batches, controls):
    """{name: (batch, steps)}: first those with equal examples, then those with equal steps."""
    equal = {f"batch {b}": (b, examples // b) for b in batches}
    few = {f"batch {SMALL}, {examples // b} steps": (SMALL, examples // b) for b in controls}
    return equal | few


def run_cell(cell):
    """One method at one batch: the loss on strings for validation, and on those for the test."""
    name, arm = cell["way"].split("; ")
    batch_size, steps = cell["arms"][arm]
    train, validation, test = renamed(cell["seed"], cell["held"])
    rng = np.random.default_rng(cell["seed"])
    model = METHODS[name][0].apply(base(), rng)
    cpu_ms = adapt(model, train, steps, cell["lr"], rng, batch_size)
    return {
        "validation": loss_on(model, validation),
        "loss": loss_on(model, test),
        "trained": trained(model),
        "cpu_ms": cpu_ms,
    }


def run(seeds=5, quick=False, directory=None, processes=None):
    """Tune every method at every batch, then report new seeds; plain numbers for JSON.

    `quick` takes one seed and 256 examples, and does not tune.
    Raises: ValueError for seeds below 1.
    """
    size = (256, (64, 128), (128,)) if quick else (EXAMPLES, BATCHES, CONTROLS)
    seeds, trials, each = (1, 0, arms(*size)) if quick else (seeds, 6, arms(*size))
    rates = {f"{name}; {arm}": lr for arm in each for name, (_, lr) in METHODS.items()}
    settings = {
        "arms": {arm: list(how) for arm, how in each.items()},
        "held": 100 if quick else HELD,
    }
    evidence = compare(
        Study("batch_size", run_cell, rates, settings, trials), seeds, directory, processes
    )
    return {
        "seeds": seeds,
        "quick": quick,
        "examples": size[0],
        "batches": list(size[1]),
        "arms": settings["arms"],
        "evidence": evidence,
    }


def losses(numbers, name, arm):
    """(seeds,) losses on the test, in nats a digit."""
    return by_seed(numbers["evidence"], f"{name}; {arm}", "loss")


def gaps(numbers, name, arm):
    """(seeds,) how far a LoRA's loss lies above full's, of the same seed."""
    return losses(numbers, name, arm) - losses(numbers, FULL, arm)


def concluded(numbers, name, arm):
    """What a comparison at this batch alone would have concluded: -1 LoRA is worse, 1 better, 0
    not told apart.
    """
    d = gaps(numbers, name, arm)
    return int(-np.sign(d.mean())) if told_apart(d, np.zeros(len(d))) else 0


def table(numbers):
    """Losses on the test, by method and batch."""
    rows = [
        (arm, steps, *(spread(losses(numbers, name, arm), 4) for name in METHODS))
        for arm, (_, steps) in numbers["arms"].items()
    ]
    lines = text_table(("", "steps", *METHODS), rows, (20, 7, 20))
    lines.append(
        f"Loss on the test, nats a digit; {numbers['examples']:,} examples each, but for a batch of"
        f" {SMALL} with fewer steps; {seed_count(numbers)}, mean ± standard deviation; "
        f"{numbers['evidence']['cpu_seconds'] / 60:.1f} CPU minutes.\n{verdict(numbers)}"
    )
    return "\n".join(lines) + caveat(numbers)


def rates(numbers):
    titles = ("method; batch", "rate", "best between", "tried")
    return "\n".join(text_table(titles, rates_table(numbers["evidence"]), (40, 9, 32, 7)))


def verdict(numbers):
    """Does the gap grow with the batch, in pairs; what one batch would have said; the controls."""
    first, last = (f"batch {numbers['batches'][k]}" for k in (0, -1))
    words, lines = {-1: "worse than full", 0: "not told apart", 1: "better than full"}, []
    for name in list(METHODS)[1:]:
        found = {b: concluded(numbers, name, f"batch {b}") for b in numbers["batches"]}
        growth = paired(gaps(numbers, name, last), gaps(numbers, name, first), 3)
        said = ", ".join(f"{words[way]} at {b}" for b, way in found.items())
        differ = "depends on the batch" if len(set(found.values())) > 1 else "is the same at all"
        lines.append(
            f"{name}: its gap to full in nats, {last} less {first}: {growth}. At one batch alone: "
            f"{said}; so the conclusion {differ}."
        )
    for arm, (_, steps) in numbers["arms"].items():
        same = [a for a, how in numbers["arms"].items() if how[1] == steps and a != arm]
        if arm.startswith(f"batch {SMALL},") and same:
            said = "; ".join(
                f"{name} {paired(gaps(numbers, name, same[0]), gaps(numbers, name, arm), 3)}"
                for name in list(METHODS)[1:]
            )
            lines.append(f"The gap at {same[0]} less that at {arm}: {said}.")
    grew = [name for name in list(METHODS)[1:] if grows(numbers, name)]
    found = ", ".join(grew) if grew else "no LoRA here"
    lines.append(
        f"Hurt more than full by a large batch (LoRA Without Regret, 2025; 2602.09492): {found}."
    )
    return "\n".join(lines)


def grows(numbers, name):
    """Whether the gap to full is larger at the largest batch than at the smallest, in the pairs."""
    first, last = (gaps(numbers, name, f"batch {numbers['batches'][k]}") for k in (0, -1))
    return told_apart(last, first) and bool(last.mean() > first.mean())


def claims(numbers):
    """{a LoRA less full, and how that grows with the batch: loss, a difference a seed}."""
    first, last = (f"batch {numbers['batches'][k]}" for k in (0, -1))
    found = {}
    for name in list(METHODS)[1:]:
        found |= {f"{arm}: {name} less full": gaps(numbers, name, arm) for arm in numbers["arms"]}
        grown = gaps(numbers, name, last) - gaps(numbers, name, first)
        found[f"{name} less full: at {last} less at {first}"] = grown
    return found


@style()
def figure(numbers):
    """Loss on the test over the batch, both logarithmic; hollow: as few steps, a small batch."""
    picture, axes = subplots(size=(6.2, 3.6))
    few = [arm for arm in numbers["arms"] if arm.startswith(f"batch {SMALL},")]
    for k, name in enumerate(METHODS):
        all_losses = np.array([losses(numbers, name, f"batch {b}") for b in numbers["batches"]])
        axes.plot(numbers["batches"], all_losses.mean(axis=1), **look(k), label=name)
        axes.plot(numbers["batches"], all_losses, ".", color=look(k)["color"], alpha=0.4)
        for arm in few:
            at = numbers["examples"] // numbers["arms"][arm][1]
            mean = losses(numbers, name, arm).mean()
            axes.plot(at, mean, **look(k) | {"markerfacecolor": "white", "linestyle": ""})
    axes.set(xscale="log", yscale="log", xlabel="batch", ylabel="loss on the test (nats a digit)")
    axes.set_xticks(numbers["batches"], numbers["batches"])
    axes.minorticks_off()
    axes.legend(title=f"hollow: batch {SMALL},\nas few steps", loc="center left",
                bbox_to_anchor=(1.0, 0.5), fontsize=8)  # fmt: skip
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"{name} "
        + ", ".join(f"{losses(numbers, name, arm).mean():.3f}" for arm in numbers["arms"])
        for name in METHODS
    ]
    return f"Lines: loss on the test at {', '.join(numbers['arms'])}. {'; '.join(parts)}."
