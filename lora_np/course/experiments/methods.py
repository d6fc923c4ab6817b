"""What can each method move? Every method asks one small base for what it knows, and for more.

The base (`bases.SKILLS`) does eight things to five digits, each called by four letters. Here the
letters are blank, so that the trained numbers alone must say what is wanted: a skill the base
has (a different one for each seed), or one that it never learnt.

Each method has a rate of its own for each task, found by the protocol on strings for validation;
what is right is counted on strings for the test. The known skill of the tuning seed is none of
those that the first five seeds report.
"""

import functools

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from ...methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)
from ...tasks.worlds import skills
from .common import caveat, means_in_words, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare, rates_table
from .skill_runs import HELD, adapt, base, loss_on, splits, trained

MLP = ("mlp.c_fc", "mlp.c_proj")
FULL, PROMPT, PREFIX = "full fine-tuning", "prompt, 4 tokens", "prefix, 4 positions"
WITH_MLP = f"{PREFIX}, with its MLP"
RANK_1 = "LoRA r 1, everywhere"
LARGE_ALPHA = f"{RANK_1}, α = 64"
PAIRS = (  # what verdict says of two methods: the claim, one, another
    ("A prefix with its MLP less one without (2101.00190, §4.3: steadier)", WITH_MLP, PREFIX),
    ("LoRA r 1 at α = 64 less α = 1, each at its best rate (2606.12883)", LARGE_ALPHA, RANK_1),
)
METHODS = {
    FULL: FullFineTuning(),
    RANK_1: LoRA(1, 1, "all-linear"),
    LARGE_ALPHA: LoRA(1, 64, "all-linear"),
    "LoRA r 4, attention's qkv": LoRA(4, 4, ("c_attn",)),
    "LoRA r 4, MLP": LoRA(4, 4, MLP),
    "QLoRA r 4, attention's qkv": QLoRA(4, 4, ("c_attn",)),
    "Houlsby adapters, width 8": BottleneckAdapters(8),
    "Pfeiffer adapters, width 8": BottleneckAdapters(8, "pfeiffer"),
    "IA3": IA3(),
    "BitFit": BitFit(),
    PREFIX: PrefixTuning(4),
    WITH_MLP: PrefixTuning(4, mlp_width=32),
    PROMPT: PromptTuning(4),
    "prompt, 10 tokens": PromptTuning(10),
    "head": HeadTuning(),
}
RATES = {name: method.rate for name, method in METHODS.items()} | {
    # where each search begins: the middle of its first three rates
    FULL: 3e-3,
    RANK_1: 3e-2,
    LARGE_ALPHA: 3e-3,
    "Pfeiffer adapters, width 8": 3e-2,
    "IA3": 1e-1,
    "BitFit": 3e-2,
    PREFIX: 4e-1,
    WITH_MLP: 3e-2,
    PROMPT: 2e-1,
    "prompt, 10 tokens": 2e-1,
    "head": 1e-1,
}
ELICIT = "elicit a known skill"
TASKS = [ELICIT, *(f"new: {name}" for name in skills.NEW)]
WAYS = {f"{name}; {task}": (name, task) for name in METHODS for task in TASKS}
TRIALS, TUNING_SEED = 5, 101


def known_to(seed):
    """The known skill that a seed asks for."""
    return list(skills.KNOWN)[seed % len(skills.KNOWN)]


def task_of(task, seed, held):
    """(Strings to train on, validation, test) of a task, `held` strings in each of the last two."""
    skill = known_to(seed) if task == ELICIT else task.removeprefix("new: ")
    return splits(functools.partial(skills.answer, skill), seed, held)


def run_cell(cell):
    """One method on one task: the loss on strings for validation, what is right on others."""
    name, task = WAYS[cell["way"]]
    train, validation, test = task_of(task, cell["seed"], cell["held"])
    rng = np.random.default_rng(cell["seed"])
    model = METHODS[name].apply(base(), rng)
    cpu_ms = adapt(model, train, cell["steps"], cell["lr"], rng)
    return {
        "validation": loss_on(model, validation),
        "loss": loss_on(model, test),
        "accuracy": skills.accuracy(model, test),
        "trained": trained(model),
        "cpu_ms": cpu_ms,
    }


def run(seeds=5, quick=False, directory=None, processes=None):
    """Tune every method on every task, then report it on new seeds; plain numbers for JSON.

    `quick` takes one seed, 8 steps, and does not tune. `directory`: see `compare`.
    Raises: ValueError for seeds below 1.
    """
    seeds, steps, trials, held = (1, 8, 0, 100) if quick else (seeds, 300, TRIALS, HELD)
    settings = {"steps": steps, "held": held}
    rates = {way: RATES[name] for way, (name, _) in WAYS.items()}
    study = Study("methods", run_cell, rates, settings, trials, (TUNING_SEED,))
    evidence = compare(study, seeds, directory, processes)
    before = [
        [skills.accuracy(base(), task_of(task, seed, held)[2]) for task in TASKS]
        for seed in range(seeds)
    ]
    return {
        "tasks": TASKS,
        "steps": steps,
        "seeds": seeds,
        "quick": quick,
        "elicited": [known_to(seed) for seed in range(seeds)],
        "before": before,
        "base_parameters": sum(p.size for p in base().parameters()),
        "rows": {name: row(evidence, name) for name in METHODS},
        "evidence": evidence,
    }


def row(evidence, name):
    """A method's numbers: "accuracy" and "loss" (seeds × tasks), a rate for each task, …"""
    ways = [f"{name}; {task}" for task in TASKS]
    by_task = {
        what: np.stack([by_seed(evidence, way, what) for way in ways], axis=1)
        for what in ("accuracy", "loss", "cpu_ms")
    }
    return {
        "accuracy": by_task["accuracy"].tolist(),
        "loss": by_task["loss"].tolist(),
        "cpu_ms": np.median(by_task["cpu_ms"], axis=1).tolist(),
        "trained": evidence["ways"][ways[0]]["runs"][0]["trained"],
        "learning_rate": [evidence["ways"][way]["lr"] for way in ways],
    }


def table(numbers):
    """Accuracy (mean ± standard deviation over the seeds), trained numbers, a step's time."""
    rows = [("the base, as it is", 0, "", *map(spread, np.transpose(numbers["before"])))]
    for name, each in numbers["rows"].items():
        ms, accuracies = f"{np.min(each['cpu_ms']):.1f}", np.transpose(each["accuracy"])
        rows.append((name, f"{each['trained']:,}", ms, *map(spread, accuracies)))
    titles = ("method", "trained", "CPU ms", *numbers["tasks"])
    lines = text_table(titles, rows, (32, *(2 + max(len(title), 11) for title in titles[1:])))
    evidence = numbers["evidence"]
    outside = [way for way, how in evidence["ways"].items() if not how["inside"]]
    lines.append(
        f"Share of answers with all five digits right after {numbers['steps']} steps; "
        f"{seed_count(numbers)}, mean ± standard deviation. CPU ms: the processor's time for one "
        f"step; {evidence['cpu_seconds'] / 60:.1f} CPU minutes in all, tuning with it.\n"
        f"Known skills asked for, one a seed: {', '.join(numbers['elicited'])}.\nRates with no "
        f"worse one on either side: {len(outside)} of {len(evidence['ways'])}"
        + ("." if numbers["quick"] or not outside else f": {', '.join(outside)}.")
    )
    return "\n".join(lines) + "\n" + verdict(numbers) + caveat(numbers)


def rates(numbers):
    """Lines: each method's rate for each task, and between which rates the best lies."""
    titles = ("method; task", "rate", "best between", "tried")
    return "\n".join(text_table(titles, rates_table(numbers["evidence"]), (56, 9, 32, 7)))


def right(numbers, name, task):
    """(seeds,) shares of right answers."""
    return np.array(numbers["rows"][name]["accuracy"])[:, numbers["tasks"].index(task)]


def verdict(numbers):
    """What the seeds' pairs say of each method beside full fine-tuning, and of prompts, prefixes.

    Lester et al. (2104.08691) and Li & Liang (2101.00190) find prompts and prefixes close to full
    fine-tuning, in models of up to 11 billion weights that have met most of what they are asked.
    Here what is new is new, so calling up and teaching come apart.
    """
    lines = []
    for task in numbers["tasks"]:
        full = right(numbers, FULL, task)
        behind, same = [], []
        for name in list(numbers["rows"])[1:]:
            d = right(numbers, name, task)
            (behind if told_apart(d, full) and d.mean() < full.mean() else same).append(name)
        lines.append(
            f"{task}: full fine-tuning {full.mean():.2f}; behind it in every pair: "
            f"{'; '.join(behind) or 'none'}; not told apart from it, or ahead: "
            f"{'; '.join(same) or 'none'}."
        )
    for name in (PROMPT, PREFIX):
        known, *new = (right(numbers, name, task).mean() for task in numbers["tasks"])
        taught = ", ".join(f"{mean:.2f}" for mean in new)
        lines.append(f"{name}: calls up {known:.2f}, teaches {taught} (2104.08691, 2101.00190).")
    for what, ours, theirs in PAIRS:
        pairs = [(right(numbers, ours, task), right(numbers, theirs, task)) for task in TASKS]
        said = "; ".join(f"{task}: {paired(*two)}" for task, two in zip(TASKS, pairs))
        lines.append(f"{what}. {said}.")
    return "\n".join(lines)


def claims(numbers):
    """{one less another: its share of right answers, a difference a seed}."""
    pairs = [(name, FULL) for name in METHODS if name != FULL] + [two for _, *two in PAIRS]
    return {
        f"{task}: {one} less {other}": right(numbers, one, task) - right(numbers, other, task)
        for task in TASKS
        for one, other in pairs
    }


@style()
def figure(numbers):
    """Accuracy of each method, one panel for each task, a dot for each seed, a stroke the mean."""
    names = list(numbers["rows"])
    picture, panels = subplots(1, len(numbers["tasks"]), size=(7.4, 4.8), sharey=True)
    for k, (axes, task) in enumerate(zip(panels, numbers["tasks"])):
        for at, name in enumerate(names):
            values = right(numbers, name, task)
            axes.plot(values, np.full(len(values), at), "o", color=COLORS[k], markersize=4)
            axes.plot(values.mean(), at, "|", color="black", markersize=13, markeredgewidth=2)
        axes.set(xlim=(-0.06, 1.06), xlabel="all five right", xticks=(0, 0.5, 1))
        axes.set_title(task.replace(", then", ",\nthen"), fontsize=9)
    labels = [f"{name} ({numbers['rows'][name]['trained']:,})" for name in names]
    panels[0].set_yticks(range(len(names)), labels)
    panels[0].invert_yaxis()
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    words = means_in_words({name: row["accuracy"] for name, row in numbers["rows"].items()})
    tasks = ", ".join(numbers["tasks"])
    return f"Dots: share of answers all right by method, for {tasks}. Means: {words}."
