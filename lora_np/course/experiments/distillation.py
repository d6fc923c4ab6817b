"""Knowledge distillation: a small student, from hard labels or from a good or an erring teacher.

Each symbol depends on the two before it, by a table that is known, so the student is held against
the truth itself: KL(truth ‖ student) in nats a symbol, on new text. The good teacher has read as
much text as it liked. The erring one (`distillation_world`) has read little, so its probabilities
are wrong in places. Hard labels are the text's own symbols, or symbols drawn from a teacher's
probabilities: the fair pair for its soft ones, as both know only what it knows. Every
student trains until its gap on the validation texts turns or is flat, goes back to where that was
least, and is scored on the test texts.

Hinton et al. (2015, arXiv 1503.02531, §2, §3) find a temperature above 1 best, and the text's own
labels a help at "a considerably lower weight". It may differ here: their teachers' mistakes are few
and their labels certain, where ours are draws; and 8 symbols have few unlikely ones to learn from.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...analysis.plots import style, subplots
from ...objectives import Distillation, cross_entropy
from . import conclusions
from .common import caveat, look, means_in_words, spread, text_table
from .distillation_world import gap, learn, world_of
from .protocol import Study, compare, rates_table, without_runs

HARD, DRAWS = "hard labels", "teacher's draws"
TICKS = (0.1, 0.2, 0.5, 1)
TEXTS = (50, 200, 800)
CHECKS = 20  # steps between two looks at the validation texts
WAYS = {  # the objectives, for one text with a teacher's logits
    HARD: cross_entropy,
    "teacher, τ = 1": Distillation(1.0),
    "teacher, τ = 2": Distillation(2.0),
    "τ = 2, 0.1 hard": Distillation(2.0, hard=0.1),
    "τ = 2, half hard": Distillation(2.0, hard=0.5),
}
GOOD, ERRING = "", "erring: "  # what stands before a way's name


@dataclass(frozen=True)
class Lesson:
    """Who teaches, by which objective; `drawn`: the labels are the teacher's draws."""

    teacher: str
    objective: Callable
    drawn: bool = False


# The text's own labels, then the same ways for each teacher. The good one's draws are left out:
# they are as good as the text's own symbols.
LESSONS = {HARD: Lesson("good", cross_entropy)}
for before, who in ((GOOD, "good"), (ERRING, "erring")):
    LESSONS |= {before + way: Lesson(who, WAYS[way]) for way in WAYS if way != HARD}
LESSONS[ERRING + DRAWS] = Lesson("erring", cross_entropy, drawn=True)


def usual_rate(way):
    """From which tuning begins: good soft labels bear the largest steps, draws the smallest."""
    if LESSONS[way].objective is cross_entropy:
        return 3e-3
    return 6e-3 if way.startswith(ERRING) else 2e-2


@dataclass(frozen=True)
class Size:
    """How much of everything: the real run, and the quick one, which shows how it works."""

    teacher_steps: int = 350
    erring_texts: int = 250
    erring_steps: int = 250
    student_steps: int = 700
    texts: tuple[int, ...] = TEXTS
    trials: int = 5


QUICK = Size(60, 100, 40, 40, TEXTS[:2], trials=0)


def run(seeds=5, quick=False, directory=None, processes=None, size=None):
    """Every seed draws its own source and texts, and trains its own teachers and students.

    `quick` takes one seed, two numbers of texts and few steps, at a rate that is not tuned.
    Raises: ValueError for seeds below 1.
    """
    size = size or (QUICK if quick else Size())
    settings = {
        name: getattr(size, name)
        for name in ("teacher_steps", "erring_texts", "erring_steps", "student_steps")
    }
    rates = {named(way, n): usual_rate(way) for n in size.texts for way in LESSONS}
    study = Study("distillation", run_cell, rates, settings, size.trials)
    evidence = compare(study, 1 if quick else seeds, directory, processes)
    runs = [one_seed(evidence, seed, size.texts) for seed in range(evidence["seeds"])]
    return {
        "quick": quick, "texts": size.texts, "steps": size.student_steps, "every": CHECKS,
        "erring_texts": size.erring_texts, "runs": runs, "tuning": without_runs(evidence),
        "cpu_seconds": evidence["cpu_seconds"],
    }  # fmt: skip


def named(way, n):
    """A cell's way: how it is taught, and from how many texts."""
    return f"{way}; {n} texts"


def run_cell(cell):
    way, n = cell["way"].removesuffix(" texts").split("; ")
    world = world_of(
        cell["seed"], cell["teacher_steps"], cell["erring_texts"], cell["erring_steps"]
    )
    lesson = world.lesson(LESSONS[way].teacher, int(n), LESSONS[way].drawn)
    student = world.student.astype(np.float32)  # a copy: all start from the same numbers
    batches = world.batches(lesson, cell["student_steps"])
    objective = LESSONS[way].objective
    curve, stopped = learn(student, batches, objective, cell["lr"], world.validate, CHECKS)
    return {
        "validation": min(curve),
        "end": gap(world.source, student, world.test),
        "stopped": stopped,
        "steps": (len(curve) - 1) * CHECKS,
        "way": curve,
        "teachers": world.gaps,
        "trained": sum(p.size for p in student.trainable_parameters()),
    }


def one_seed(evidence, seed, texts):
    """{"teacher" and "erring", their gaps, "students": {way: {texts: what its run returned}}}."""
    found = {
        way: {str(n): dict(evidence["ways"][named(way, n)]["runs"][seed]) for n in texts}
        for way in LESSONS
    }
    teachers = found[HARD][str(texts[0])]["teachers"]
    for each in found.values():
        for result in each.values():
            del result["teachers"]
    return {
        "seed": seed, "teacher": teachers["good"], "erring": teachers["erring"], "students": found
    }  # fmt: skip


def gaps(numbers, way, n, column="end"):
    """One a seed."""
    return np.array([run["students"][way][str(n)][column] for run in numbers["runs"]])


def table(numbers):
    """KL(truth ‖ student) by way of teaching and number of texts, mean ± standard deviation."""
    texts, runs = numbers["texts"], numbers["runs"]
    rates = {row[0]: row[1] for row in rates_table(numbers["tuning"])}
    rows = []
    for way in LESSONS:
        steps = [f"{np.median(gaps(numbers, way, n, 'stopped')):.0f}" for n in texts]
        cells = [f"{spread(gaps(numbers, way, n))} ({step})" for n, step in zip(texts, steps)]
        rows.append([way, *cells, ", ".join(rates[named(way, n)] for n in texts)])
    titles = ["learnt from", *(f"{n} texts" for n in texts), "rates"]
    lines = text_table(titles, rows, (26, *(22 for _ in texts), 26))
    good, erring = (spread([run[who] for run in runs], 3) for who in ("teacher", "erring"))
    lines.append(
        "KL(truth || student) in nats a symbol on test texts, mean ± standard deviation; seeds: "
        f"{len(runs)}.\nIn brackets: the step of the least gap on validation texts, the median; "
        f"each looked on for a while, at most to\n{numbers['steps']}, where "
        f"{at_the_end(numbers):.0%} of the runs were still falling. "
        f"{numbers['cpu_seconds'] / 60:.1f} CPU minutes.\nThe teachers: good {good}; erring "
        f"({numbers['erring_texts']} texts) {erring}.\n{verdict(numbers)}{caveat(numbers)}"
    )
    return "\n".join(lines)


def at_the_end(numbers):
    """The share of runs whose least gap is at the last check that there could be."""
    last = numbers["steps"] // numbers["every"] * numbers["every"]
    ways = [gaps(numbers, way, n, "stopped") for way in LESSONS for n in numbers["texts"]]
    return float((np.array(ways) == last).mean())


def claims(numbers):
    """{what, one less another: a difference of gaps for each seed}, below 0 where one is better."""
    found, teacher = {}, np.array([run["erring"] for run in numbers["runs"]])
    for n in numbers["texts"]:
        gap_of = {way: gaps(numbers, way, n) for way in LESSONS}
        for who in (GOOD, ERRING):
            plain, soft, few, half = (f"{who}{way}" for way in list(WAYS)[1:])
            hard = [name for name in (HARD, f"{who}{DRAWS}") if name in LESSONS]
            pairs = ((soft, plain), (few, soft), (half, soft), *((plain, name) for name in hard))
            for ours, theirs in pairs:
                found[f"gap, {n} texts: {ours}, less {theirs}"] = gap_of[ours] - gap_of[theirs]
        for way in (name for name in LESSONS if name.startswith(ERRING)):
            found[f"gap, {n} texts: {way}, less that teacher"] = gap_of[way] - teacher
    return found


def verdict(numbers):
    """What the paper found, held against these numbers, seed by seed."""
    return (
        "Hinton et al. (2015, arXiv 1503.02531) find a temperature above 1 best, and hard labels, "
        "at a low weight,\na help. Differences of gaps, below 0 where the first is better:\n"
        f"{conclusions.table(claims(numbers))}"
    )


@style()
def figure(numbers):
    """The gap to the truth against the number of texts, one panel a teacher, which is the line."""
    texts = numbers["texts"]
    picture, panels = subplots(1, 2, size=(6.8, 4.4), sharey=True)
    for axes, who, teacher in zip(panels, (GOOD, ERRING), ("teacher", "erring")):
        soft = [who + way for way in WAYS if way != HARD]
        ways = [way for way in (HARD, *soft, who + DRAWS) if way in LESSONS]
        for k, way in enumerate(ways):
            found = np.array([gaps(numbers, way, n) for n in texts])  # (texts, seeds)
            middle, low, high = found.mean(axis=1), found.min(axis=1), found.max(axis=1)
            bars, label = (middle - low, high - middle), way.removeprefix(who)
            axes.errorbar(texts, middle, bars, **look(k), capsize=2, label=label)
        level = np.mean([run[teacher] for run in numbers["runs"]])
        line = {"color": "black", "linewidth": 1, "linestyle": (0, (2, 2))}
        axes.axhline(level, **line, label="the teacher itself")
        axes.set(xscale="log", yscale="log", ylim=(0.07, 1.3), xlabel="texts the student reads")
        axes.set_title("an erring teacher" if who else "a good teacher")
        axes.set_xticks(texts, [f"{n}" for n in texts])
        axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axes.minorticks_off()
    panels[0].set_ylabel("KL(truth ‖ student), nats a symbol")
    handles, labels = panels[1].get_legend_handles_labels()
    picture.legend(handles, labels, loc="outside lower center", ncols=3, fontsize=9)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    texts = numbers["texts"]
    rows = {way: np.transpose([gaps(numbers, way, n) for n in texts]) for way in LESSONS}
    words = means_in_words(rows, 3)
    return f"Gap to the truth with {', '.join(map(str, texts))} texts. {words}."
