"""How much can LoRA hold? Less than full fine-tuning above its capacity, as much below it.

N strings with random answers are to be memorised. An answer is five digits that nobody can guess:
log2(10⁵) = 16.6 bits. Bits memorised = N · 16.6 − Σ −log2 p(answer).

LoRA Without Regret (Schulman & Thinking Machines Lab 2025) finds LoRA equal to full fine-tuning
until the data outgrow its trained numbers, and then slower, not stopped. Nothing else tells how
much there is to learn so exactly. Here every way has the same steps, so this is the capacity that
can be filled in them; what is memorised has no held-out part, so tuning lowers the loss on one
seed's strings, and other seeds bring strings and answers of their own.
"""

import math

import numpy as np

from ...analysis.plots import style, subplots
from ...methods import FullFineTuning, LoRA
from ...tasks.worlds import skills
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare
from .skill_runs import Strings, adapt, base, loss_on, shuffled, trained

BITS = skills.LENGTH * math.log2(skills.DIGITS)  # of an answer that nobody can guess
FULL = "full fine-tuning"
ALPHA = 64  # at which LoRA holds more than at α = r (experiment "alpha")
METHODS = {FULL: FullFineTuning()} | {
    f"LoRA r {r}": LoRA(r, ALPHA, "all-linear") for r in (1, 2, 4, 8)
}
RATE = 3e-3  # where each search begins
SIZES = (32, 96, 192)
NOTICED = 0.01  # of an answer: less is not called behind


class Memorised(Strings):
    """Strings to be read again and again: a batch has no string twice."""

    def batch(self, size, rng):
        n = len(self.digits)
        return self.rows(rng.choice(n, min(size, n), replace=False))


def way(name, size):
    return f"{name}; {size} strings"


def to_memorise(size, seed):
    """The first strings of a seed, with answers that follow from nothing."""
    answers = np.random.default_rng([seed, 2]).integers(skills.DIGITS, size=(size, skills.LENGTH))
    return Memorised(shuffled(seed)[:size], answers)


def run_cell(cell):
    """Memorise with one method; "validation" is what is left of an answer, in bits."""
    name, size = cell["way"].removesuffix(" strings").split("; ")
    strings = to_memorise(int(size), cell["seed"])
    rng = np.random.default_rng(cell["seed"])
    model = METHODS[name].apply(base(), rng)
    cpu_ms = adapt(model, strings, cell["steps"], cell["lr"], rng)
    left = loss_on(model, strings.rows()) * skills.LENGTH / math.log(2)
    memorised = int(size) * (BITS - left)
    return {"validation": left, "memorised": memorised, "trained": trained(model), "cpu_ms": cpu_ms}


def run(seeds=5, quick=False, directory=None, processes=None):
    """Tune every method for every number of strings, then report new seeds; numbers for JSON.

    `quick` takes one seed, 10 steps and few strings, and does not tune.
    Raises: ValueError for seeds below 1.
    """
    seeds, steps, trials, sizes = (1, 10, 0, (4, 8)) if quick else (seeds, 500, 5, SIZES)
    rates = {way(name, size): RATE for name in METHODS for size in sizes}
    study = Study("capacity", run_cell, rates, {"steps": steps, "α": ALPHA}, trials)
    evidence = compare(study, seeds, directory, processes)
    return {
        "seeds": seeds,
        "steps": steps,
        "quick": quick,
        "sizes": list(sizes),
        "methods": list(METHODS),
        "evidence": evidence,
    }


def memorised(numbers, name, size):
    """(seeds,) bits."""
    return by_seed(numbers["evidence"], way(name, size), "memorised")


def capacity(numbers, name):
    """(seeds,) the most bits memorised at any number of strings."""
    return np.max([memorised(numbers, name, size) for size in numbers["sizes"]], axis=0)


def numbers_trained(numbers, name):
    return numbers["evidence"]["ways"][way(name, numbers["sizes"][0])]["runs"][0]["trained"]


def falls_behind(numbers, name):
    """The least number of strings at which full is ahead in every pair, by what is noticed; None
    where it nowhere is.
    """
    for size in numbers["sizes"]:
        ours, full = memorised(numbers, name, size), memorised(numbers, FULL, size)
        if told_apart(ours, full) and (full - ours).mean() > NOTICED * BITS * size:
            return size
    return None


def table(numbers):
    """Bits memorised, by method and number of strings; the most of them a trained number."""
    rows = []
    for name in numbers["methods"]:
        bits = [memorised(numbers, name, size) for size in numbers["sizes"]]
        per_number = capacity(numbers, name) / numbers_trained(numbers, name)
        cells = [f"{numbers_trained(numbers, name):,}", *(spread(each, 0) for each in bits)]
        rows.append((name, *cells, spread(per_number)))
    titles = [f"{size} ({size * BITS:.0f})" for size in numbers["sizes"]]
    lines = text_table(("method", "trained", *titles, "bits a number"), rows, (18, 9, 18))
    lines.append(
        f"Bits memorised of N strings (of so many there are), after {numbers['steps']} steps; "
        f"{seed_count(numbers)}, mean ± standard deviation; "
        f"{numbers['evidence']['cpu_seconds'] / 60:.1f} CPU minutes.\n{verdict(numbers)}"
    )
    return "\n".join(lines) + caveat(numbers)


def verdict(numbers):
    """Equal below capacity, behind above it? From the seeds' pairs."""
    least, lines = numbers["sizes"][0], []
    for name in numbers["methods"][1:]:
        at = falls_behind(numbers, name)
        size = at or numbers["sizes"][-1]
        said = paired(memorised(numbers, name, size), memorised(numbers, FULL, size), 0)
        where = f"falls behind full at {size} strings" if at else "nowhere falls behind full"
        lines.append(f"{name} {where}; bits at {size}, less full's: {said}.")
    at = {name: falls_behind(numbers, name) for name in numbers["methods"][1:]}
    below = [name for name in at if at[name] != least]
    above = [name for name in at if at[name] and at[name] > least]
    if numbers["quick"]:
        found = "not tuned, so nothing is found"
    elif not below:
        found = "not found: every rank is behind full at the least number of strings"
    elif not above:
        found = "no rank met its capacity after it had been equal"
    else:
        found = (
            f"found: with {least} strings not behind full {', '.join(below)}; "
            f"behind it with more {', '.join(above)}"
        )
    lines.append(f"LoRA equals full below its capacity (LoRA Without Regret, 2025): {found}.")
    return "\n".join(lines)


def claims(numbers):
    """{LoRA less full, at so many strings: bits memorised, a difference a seed}."""
    return {
        f"{size} strings: {name} less full": memorised(numbers, name, size)
        - memorised(numbers, FULL, size)
        for size in numbers["sizes"]
        for name in numbers["methods"][1:]
    }


@style()
def figure(numbers):
    """Bits memorised over the bits there are, a line a method, its seeds' mean and range."""
    picture, axes = subplots(size=(5.6, 3.6))
    there = np.array(numbers["sizes"]) * BITS
    axes.plot(there, there, color="#888888", linestyle=":", label="all there is")
    for k, name in enumerate(numbers["methods"]):
        bits = np.array([memorised(numbers, name, size) for size in numbers["sizes"]])
        label = f"{name} ({numbers_trained(numbers, name):,})"
        axes.plot(there, bits.mean(axis=1), **look(k), label=label)
        low, high = bits.min(axis=1), bits.max(axis=1)
        axes.fill_between(there, low, high, color=look(k)["color"], alpha=0.2, linewidth=0)
    axes.set(xlabel="bits in the answers", ylabel="bits memorised")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"{name} "
        + ", ".join(f"{memorised(numbers, name, size).mean():.0f}" for size in numbers["sizes"])
        for name in numbers["methods"]
    ]
    there = ", ".join(f"{size * BITS:.0f}" for size in numbers["sizes"])
    return f"Lines: bits memorised where the answers hold {there} bits. {'; '.join(parts)}."
