"""What can each method move? Every method asks one small base for what it knows, and for more.

The base (`bases.SKILLS`) does eight things to five digits, each called by four letters. Here the
letters are blank, so that the trained numbers alone must say what is wanted: a skill the base
has (a different one for each seed), or one that it never learnt.
"""

import time

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
from ...objectives import cross_entropy
from ...tasks.worlds import skills
from ...train.optim import AdamW
from .bases import SKILLS
from .common import by_row, means_in_words, over_seeds, seed_count, spread, text_table

MLP = ("mlp.c_fc", "mlp.c_proj")
METHODS = {
    "full fine-tuning": FullFineTuning(),
    "LoRA r 1, everywhere": LoRA(1, 1, "all-linear"),
    "LoRA r 4, attention's qkv": LoRA(4, 4, ("c_attn",)),
    "LoRA r 4, MLP": LoRA(4, 4, MLP),
    "QLoRA r 4, attention's qkv": QLoRA(4, 4, ("c_attn",)),
    "Houlsby adapters, width 8": BottleneckAdapters(8),
    "Pfeiffer adapters, width 8": BottleneckAdapters(8, "pfeiffer"),
    "IA3": IA3(),
    "BitFit": BitFit(),
    "prefix, 4 positions": PrefixTuning(4),
    "prompt, 4 tokens": PromptTuning(4),
    "prompt, 10 tokens": PromptTuning(10),
    "head": HeadTuning(),
}
RATES = {name: method.rate for name, method in METHODS.items()} | {
    # which did better at another in benchmarks/tuning/method_rates.py
    "LoRA r 1, everywhere": 2e-2,
    "Pfeiffer adapters, width 8": 3e-2,
    "IA3": 1e-1,
    "prefix, 4 positions": 1e-1,
    "prompt, 4 tokens": 1e-1,
    "prompt, 10 tokens": 1e-1,
}
ELICIT = "elicit a known skill"
TASKS = [ELICIT, *(f"new: {name}" for name in skills.NEW)]


def adapt(model, task, steps, lr, rng, batch_size=64):
    """Train what trains; returns the processor's milliseconds for the median step."""
    optimizer, times = AdamW(model.trainable_parameters(), lr), []
    for step in range(steps):
        batch = task.batch(batch_size, rng)
        start = time.process_time()
        logits, cache = model.forward(batch.tokens)
        _, dlogits = cross_entropy(logits, batch)
        model.backward(dlogits, cache)
        optimizer.rate = min(1.0, 2 * (1 - step / steps))  # the second half slows to a stop
        optimizer.step()
        times.append(time.process_time() - start)
    return 1000 * float(np.median(times))


def run(seeds=5, quick=False, progress=None):
    """Every method on every task, once for each seed; the numbers as plain lists for JSON.

    `quick` takes one seed and 60 steps. `progress(text)` is told of each method that is done.
    Raises: ValueError for seeds below 1.
    """
    seeds, steps, tested = (1, 60, 300) if quick else (seeds, 400, 1000)
    base, tell = SKILLS.load(), progress or (lambda text: None)

    def one_seed(seed):
        known = list(skills.KNOWN)[seed % len(skills.KNOWN)]
        tasks = [skills.Skill(name) for name in (known, *skills.NEW)]
        fresh = [task.batch(tested, np.random.default_rng([seed, 1])) for task in tasks]
        rows = {}
        for name, method in METHODS.items():
            accuracies, times = [], []
            for task, batch in zip(tasks, fresh):
                rng = np.random.default_rng(seed)
                model = method.apply(base, rng)
                times.append(adapt(model, task, steps, RATES[name], rng))
                accuracies.append(skills.accuracy(model, batch))
            trained = sum(p.size for p in model.trainable_parameters())
            rows[name] = {"accuracy": accuracies, "cpu_ms": float(np.median(times))}
            rows[name] |= {"trained": trained, "learning_rate": RATES[name]}
            tell(f"seed {seed}, {name}: {accuracies}")
        return {
            "elicited": known,
            "before": [skills.accuracy(base, b) for b in fresh],
            "rows": rows,
        }

    runs, seconds = over_seeds(one_seed, seeds)
    runs = by_row(runs)
    rows = {name: by_row(each) for name, each in by_row(runs["rows"]).items()}
    for row in rows.values():  # the same for all seeds
        row |= {name: row[name][0] for name in ("trained", "learning_rate")}
    return {
        "tasks": TASKS,
        "steps": steps,
        "seeds": seeds,
        "elicited": runs["elicited"],
        "before": runs["before"],
        "base_parameters": sum(p.size for p in base.parameters()),
        "rows": rows,
        "cpu_seconds_a_seed": seconds,
    }


def table(numbers):
    """Accuracy (mean ± standard deviation over the seeds), trained numbers, a step's time."""
    rows = [("the base, as it is", 0, "", *map(spread, np.transpose(numbers["before"])))]
    for name, row in numbers["rows"].items():
        ms, accuracies = f"{np.min(row['cpu_ms']):.1f}", np.transpose(row["accuracy"])
        rows.append((name, f"{row['trained']:,}", ms, *map(spread, accuracies)))
    titles = ("method", "trained", "CPU ms", *numbers["tasks"])
    lines = text_table(titles, rows, (26, *(2 + max(len(title), 11) for title in titles[1:])))
    lines.append(
        f"Share of answers with all five digits right after {numbers['steps']} steps; "
        f"{seed_count(numbers)}, mean ± standard deviation. "
        f"CPU ms: the processor's time for one step; "
        f"{min(numbers['cpu_seconds_a_seed']):.0f} CPU s a seed.\n"
        f"Known skills asked for, one a seed: {', '.join(numbers['elicited'])}."
    )
    return "\n".join(lines)


@style()
def figure(numbers):
    """Accuracy of each method, one panel for each task, a dot for each seed and a bar's mean."""
    names = list(numbers["rows"])
    picture, panels = subplots(1, len(numbers["tasks"]), size=(9, 4), sharey=True)
    for k, (axes, task) in enumerate(zip(panels, numbers["tasks"])):
        accuracies = [np.array(numbers["rows"][name]["accuracy"])[:, k] for name in names]
        means = [values.mean() for values in accuracies]
        axes.barh(names, means, color=COLORS[k], height=0.62, alpha=0.55)
        for at, values in enumerate(accuracies):
            axes.plot(values, np.full(len(values), at), "o", color="black", markersize=3)
        axes.set(title=task, xlim=(-0.03, 1.03), xlabel="answers all right")
        axes.grid(False, axis="y")
    labels = [f"{name} ({numbers['rows'][name]['trained']:,})" for name in names]
    panels[0].set_yticks(range(len(names)), labels)
    panels[0].invert_yaxis()
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    words = means_in_words({name: row["accuracy"] for name, row in numbers["rows"].items()})
    tasks = ", ".join(numbers["tasks"])
    return f"Bars: share of answers all right by method, for {tasks}. {words}."
