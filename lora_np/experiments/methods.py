"""What can each method move? Every method asks one small base for what it knows, and for more.

The base (`skills_base`) does eight things to five digits, each called by four letters. Here the
letters are blank, so that the trained numbers alone must say what is wanted: a skill the base
has (a different one for each seed), or one that it never learnt.
"""

import time

import numpy as np

from ..methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)  # fmt: skip
from ..objectives import cross_entropy
from ..optim import AdamW
from ..plots import COLORS, style, subplots
from ..tasks import skills
from . import skills_base

MLP = ("mlp.c_fc", "mlp.c_proj")
METHODS = [  # name, method, AdamW's learning rate: the best in benchmarks/method_rates.py
    ("full fine-tuning", FullFineTuning(), 1e-3),
    ("LoRA r 1, everywhere", LoRA(1, 1, "all-linear"), 2e-2),
    ("LoRA r 4, attention's qkv", LoRA(4, 4, ("c_attn",)), 1e-2),
    ("LoRA r 4, MLP", LoRA(4, 4, MLP), 1e-2),
    ("QLoRA r 4, attention's qkv", QLoRA(4, 4, ("c_attn",)), 1e-2),
    ("Houlsby adapters, width 8", BottleneckAdapters(8), 1e-2),
    ("Pfeiffer adapters, width 8", BottleneckAdapters(8, "pfeiffer"), 3e-2),
    ("IA3", IA3(), 1e-1),
    ("BitFit", BitFit(), 3e-2),
    ("prefix, 4 positions", PrefixTuning(4), 1e-1),
    ("prompt, 4 tokens", PromptTuning(4), 1e-1),
    ("prompt, 10 tokens", PromptTuning(10), 1e-1),
    ("head", HeadTuning(), 3e-2),
]
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
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"expected seeds from 1, a whole number, got {seeds!r}")
    seeds, steps, tested = (1, 60, 300) if quick else (seeds, 400, 1000)
    base = skills_base.load()
    rows = {name: {"accuracy": [], "cpu_ms": []} for name, _, _ in METHODS}
    before, seconds, elicited = [], [], []
    for seed in range(seeds):
        start = time.process_time()
        known = list(skills.KNOWN)[seed % len(skills.KNOWN)]
        tasks = [skills.Skill(name) for name in (known, *skills.NEW)]
        fresh = [task.batch(tested, np.random.default_rng([seed, 1])) for task in tasks]
        elicited.append(known)
        before.append([skills.accuracy(base, batch) for batch in fresh])
        for name, method, lr in METHODS:
            row, accuracies, times = rows[name], [], []
            for task, batch in zip(tasks, fresh):
                rng = np.random.default_rng(seed)
                model = method.apply(base, rng)
                times.append(adapt(model, task, steps, lr, rng))
                accuracies.append(skills.accuracy(model, batch))
            row["accuracy"].append(accuracies)
            row["cpu_ms"].append(float(np.median(times)))
            row["trained"] = sum(p.size for p in model.trainable_parameters())
            row["learning_rate"] = lr
            if progress:
                progress(f"seed {seed}, {name}: {accuracies}")
        seconds.append(time.process_time() - start)
    return {
        "tasks": TASKS, "steps": steps, "seeds": seeds, "elicited": elicited, "before": before,
        "base_parameters": sum(p.size for p in base.parameters()), "rows": rows,
        "cpu_seconds_a_seed": seconds,
    }  # fmt: skip


def table(numbers):
    """Accuracy (mean ± standard deviation over the seeds), trained numbers, a step's time."""
    columns = ["trained", "CPU ms", *numbers["tasks"]]
    lines = ["  ".join([f"{'method':26}", *(f"{name:>{width(name)}}" for name in columns)])]

    def line(name, trained, ms, accuracies):
        cells = [trained, ms]
        for mean, spread in zip(np.mean(accuracies, axis=0), np.std(accuracies, axis=0)):
            cells.append(f"{mean:.2f} ± {spread:.2f}")
        cells = [f"{cell:>{width(column)}}" for cell, column in zip(cells, columns)]
        lines.append("  ".join([f"{name:26}", *cells]))

    line("the base, as it is", "0", "", numbers["before"])
    for name, row in numbers["rows"].items():
        ms = f"{np.min(row['cpu_ms']):.1f}"
        line(name, f"{row['trained']:,}", ms, row["accuracy"])
    many = f"{numbers['seeds']} seed{'s' if numbers['seeds'] > 1 else ''}"
    lines.append(
        f"Share of answers with all five digits right after {numbers['steps']} steps; {many}, "
        f"mean ± standard deviation. CPU ms: the processor's time for one step; "
        f"{min(numbers['cpu_seconds_a_seed']):.0f} CPU s a seed.\n"
        f"Known skills asked for, one a seed: {', '.join(numbers['elicited'])}."
    )
    return "\n".join(lines)


def width(column):
    return max(len(column), 11)


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
    parts = []
    for name, row in numbers["rows"].items():
        means = ", ".join(f"{mean:.2f}" for mean in np.mean(row["accuracy"], axis=0))
        parts.append(f"{name} {means}")
    tasks = ", ".join(numbers["tasks"])
    return f"Bars: share of answers all right by method, for {tasks}. {'; '.join(parts)}."
