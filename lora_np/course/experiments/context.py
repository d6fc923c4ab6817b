"""Context distillation on the symbol skills: LoRA keeps what four letters of instruction asked for.

The base does any of its skills when the letters that call it come first, and nothing without
them. It teaches itself: the teacher reads the instruction, the student does not, and both read
the same digits and the answer that the teacher wrote. No right answer is ever shown, not even to
choose the rates.

Askell et al. (2021, arXiv 2112.00861, §2) find that this costs large models little of what else
they do. It may differ here: the student is small, and a string without letters, which it learns
to answer, differs from all other skills in nothing else.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...methods import LoRA
from ...objectives import context_distillation, cross_entropy
from ...tasks import reference, taught
from ...tasks.worlds import skills
from ...train.loop import held_out_loss
from . import conclusions
from .bases import SKILLS
from .common import caveat, fit, spread, text_table
from .context_world import PROMPT as PROMPT
from .context_world import TRIES, lesson, measure, unaided
from .protocol import Study, compare, rates_table, without_runs

METHOD, RATE = LoRA(rank=4, alpha=8.0, targets="all-linear"), 3e-2
CHECKS = 10  # times on the way
BATCH, VALIDATED = 64, 256  # strings of a batch of new ones, and of the validation
SOFT, HARD = "its probabilities", "its answers"
FEW, FREE = f"{SOFT}, 64 strings", f"{SOFT}, new strings"
HELD = f"{FREE}, the rest held"
SIZES, TRIALS = {"steps": 150, "tried": TRIES}, 5
NEW = None  # for a number of strings: each batch has new ones


@dataclass(frozen=True)
class Way:
    """What a student learns from: how many strings, by which objective, with the rest held?"""

    strings: int | None = NEW
    objective: Callable = context_distillation
    held: bool = False


WAYS = {
    FEW: Way(64),
    FREE: Way(),
    f"{HARD}, 64 strings": Way(64, cross_entropy),
    f"{HARD}, new strings": Way(objective=cross_entropy),
    HELD: Way(held=True),
}


def run(seeds=5, quick=False, directory=None, processes=None):
    """Each seed draws a skill, and distils it from few strings of digits and from ever new ones.

    `quick` takes one seed, two ways and fewer steps, at rates that are not tuned.
    Raises: ValueError for seeds below 1.
    """
    names, settings = ((FREE, HELD), {"steps": 100, "tried": 100}) if quick else (WAYS, SIZES)
    rates, trials = dict.fromkeys(names, RATE), 0 if quick else TRIALS
    study = Study("context", run_cell, rates, settings, trials)
    evidence = compare(study, 1 if quick else seeds, directory, processes)
    base, runs = SKILLS.load(), []
    for seed in range(evidence["seeds"]):
        skill, rng = skill_of(seed), np.random.default_rng([seed, 3])
        run = {"seed": seed, "skill": skill}
        run["before"] = measure(base, skill, rng, settings["tried"])
        run["students"] = {way: evidence["ways"][way]["runs"][seed] for way in names}
        runs.append(run)
    return {
        "quick": quick, "steps": settings["steps"], "runs": runs,
        "tuning": without_runs(evidence), "cpu_seconds": evidence["cpu_seconds"],
    }  # fmt: skip


def skill_of(seed):
    return list(skills.KNOWN)[seed % len(skills.KNOWN)]


def run_cell(cell):
    """Train one student; its validation is how far it is from the instructed teacher.

    That is the objective itself, on strings that nobody trains or is tested on. All ways of a seed
    read the same strings.
    """
    seed, steps, way = cell["seed"], cell["steps"], WAYS[cell["way"]]
    base, skill, tried = SKILLS.load(), skill_of(seed), cell["tried"]
    student = METHOD.apply(base, np.random.default_rng([seed, 2]))
    batches = lessons(seed, steps, way.strings)
    if way.held:
        # Every second batch is of other texts, with instructions, on which nothing is to change.
        batches = [batch for pair in zip(batches, rest(seed, steps // 2)) for batch in pair]

    def unaided_share():
        return {"without": unaided(student, skill, np.random.default_rng([seed, 4]), tried // 3)}

    history = fit(
        student, batches, way.objective, cell["lr"],
        every=max(1, steps // CHECKS), evaluate=unaided_share,
    )  # fmt: skip
    [new] = lessons(seed, 1, VALIDATED)
    return {
        "validation": held_out_loss(student, [new], context_distillation),
        **measure(student, skill, np.random.default_rng([seed, 3]), tried),
        "way": [check["without"] for check in history.evaluations],
        "trained": sum(p.size for p in student.trainable_parameters()),
    }


@functools.lru_cache(maxsize=64)
def lessons(seed, steps, strings):
    """The batches of one seed; with few strings all are the same."""
    base = SKILLS.load()
    rng = np.random.default_rng([seed, 0, strings or 0])

    def new(size):
        return lesson(base, reference(base), skill_of(seed), size, rng)

    return [new(BATCH) for _ in range(steps)] if strings is NEW else [new(strings)] * steps


@functools.lru_cache(maxsize=16)
def rest(seed, steps):
    """The other skills behind their letters, with what the base says of them."""
    base, rng = SKILLS.load(), np.random.default_rng([seed, 1])
    return [taught(base, reference(base), skills.mixed_batch(BATCH, rng)) for _ in range(steps)]


COLUMNS = {"without": "without it", "with": "with it", "others": "other skills"}


def table(numbers):
    """Share of answers with all digits right, mean ± standard deviation over the seeds."""
    runs = numbers["runs"]
    rows = {"the base": [run["before"] for run in runs]}
    rows |= {name: [run["students"][name] for run in runs] for name in runs[0]["students"]}
    shown = (
        (name, *(spread([run[column] for run in found]) for column in COLUMNS))
        for name, found in rows.items()
    )
    rates = {row[0]: row[1:3] for row in rates_table(numbers["tuning"])}
    shown = ((name, *rates.get(name, ("", "")), *cells) for name, *cells in shown)
    titles = ("learnt from the instructed model:", "rate", "best between", *COLUMNS.values())
    lines = text_table(titles, shown, (46, 9, 24, 15))
    lines.append(
        f"Answers all right without the instruction, with it, and other skills with theirs; "
        f"seeds: {len(runs)};\nmean ± standard deviation, {numbers['steps']} steps; "
        f"{numbers['cpu_seconds'] / 60:.1f} CPU minutes.\n"
        f"Skills, one a seed: {', '.join(run['skill'] for run in runs)}.\n{verdict(numbers)}"
        f"{caveat(numbers)}"
    )
    return "\n".join(lines)


def column_of(numbers, name, column):
    return [run["students"][name][column] for run in numbers["runs"]]


def mean(numbers, name, column):
    return float(np.mean(column_of(numbers, name, column)))


def claims(numbers):
    """{what, one less another: a difference for each seed}, of shares of right answers."""

    def less(ours, theirs, column):
        return np.subtract(*(column_of(numbers, name, column) for name in (ours, theirs)))

    students = numbers["runs"][0]["students"]
    found = {
        "other skills: the rest held, less not held": less(HELD, FREE, "others"),
        "without the instruction: the rest held, less not held": less(HELD, FREE, "without"),
    }
    for half in ("64 strings", "new strings"):
        if f"{HARD}, {half}" in students:
            pair = less(f"{SOFT}, {half}", f"{HARD}, {half}", "without")
            found[f"without the instruction, {half}: {SOFT}, less {HARD}"] = pair
    if FEW in students:
        pair = less(FREE, FEW, "without")
        found["without the instruction: new strings, less the same 64"] = pair
    return found


def verdict(numbers):
    """What the paper found, held against these numbers, seed by seed."""
    return (
        "Askell et al. (2021, arXiv 2112.00861) find that a distilled prompt costs large models "
        f"little elsewhere.\nHere the other skills end at {mean(numbers, FREE, 'others'):.2f}, and "
        f"this one behind its own letters at {mean(numbers, FREE, 'with'):.2f}. Where every\n"
        f"second batch holds the rest, the others keep {mean(numbers, HELD, 'others'):.2f} and "
        f"this one reaches {mean(numbers, HELD, 'without'):.2f} without its letters.\n"
        f"{conclusions.table(claims(numbers))}"
    )


@style()
def figure(numbers):
    """On the left the skill moves into the weights; on the right, what that does to the others."""
    runs = numbers["runs"]
    names = [name for name in runs[0]["students"] if name.startswith(SOFT)]
    picture, (left, right_axes) = subplots(1, 2, size=(7.6, 3.8), width_ratios=(4, 3))
    for k, name in enumerate(names):
        way = np.mean([run["students"][name]["way"] for run in runs], axis=0)
        steps = np.linspace(0, numbers["steps"], len(way))
        label = name.removeprefix(f"{SOFT}, ")
        left.plot(steps, way, marker=MARKERS[k], markersize=4, label=label)
        others = [run["students"][name]["others"] for run in runs]
        right_axes.barh(k, np.mean(others), color=COLORS[k], alpha=0.55, height=0.6)
        right_axes.plot(others, np.full(len(others), k), "o", color="black", markersize=3)
    left.set(xlabel="step", ylabel="answers all right", title="without the instruction")
    left.set_ylim(-0.03, 1.03)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, fontsize=9)
    right_axes.set(xlim=(-0.03, 1.03), xlabel="answers all right", title="the other skills, after")
    names = [name.removeprefix(f"{SOFT}, ").replace(", the", ",\nthe") for name in names]
    right_axes.set_yticks(range(len(names)), names)
    right_axes.invert_yaxis()
    right_axes.grid(False, axis="y")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    names = [name for name in numbers["runs"][0]["students"] if name.startswith(SOFT)]
    parts = [
        f"{name}: {mean(numbers, name, 'without'):.2f} without the instruction, "
        f"{mean(numbers, name, 'others'):.2f} on the other skills"
        for name in names
    ]
    return f"Share of right answers after context distillation. {'; '.join(parts)}."
