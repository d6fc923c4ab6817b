"""Every method on real text: what it gains on Python code, what it forgets of English prose.

The base has read prose. Each method trains on code for the same steps; gain is how far the
held-out loss on code falls, forgetting how far the one on prose rises, both in nats a byte.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from ...checkpoint import load_base
from ...methods import (
    IA3,
    BitFit,
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)
from ...recipes.finetune import finetune, share_of_gain
from ...tasks import text
from .common import by_row, over_seeds, seed_count, spread, text_table

ALL = "all-linear"
METHODS = {
    "full fine-tuning": FullFineTuning(),
    "LoRA r 8, c_attn": LoRA(8, 16.0, ("c_attn",)),
    "LoRA r 8, everywhere": LoRA(8, 16.0, ALL),
    "QLoRA r 8, everywhere": QLoRA(8, 16.0, ALL),
    "DoRA r 8, everywhere": DoRA(8, 16.0, ALL),
    "Houlsby adapters, width 32": BottleneckAdapters(32),
    "Pfeiffer adapters, width 32": BottleneckAdapters(32, "pfeiffer"),
    "IA3": IA3(),
    "BitFit": BitFit(),
    "prefix, 16 positions": PrefixTuning(16),
    "prompt, 16 tokens": PromptTuning(16),
    "head": HeadTuning(),
}
RATES = {name: method.rate for name, method in METHODS.items()} | {
    # which did better at another in benchmarks/tuning/method_text_rates.py
    "LoRA r 8, c_attn": 2e-2,
    "head": 1e-2,
}


def run(seeds=3, quick=False, progress=None):
    """Fine-tune the base on code with every method, once for each seed; plain numbers for JSON.

    `quick` takes one seed and 8 steps. `progress(text)` is told of each method that is done.
    Raises: ValueError for seeds below 1.
    """
    seeds, steps, windows = (1, 8, 8) if quick else (seeds, 150, 128)
    base, code, prose = load_base(), text.code(), text.prose()
    tell = progress or (lambda text: None)
    settings = {"steps": steps, "batch_size": 8, "windows": windows}

    def one_seed(seed):
        runs = {}
        for name, method in METHODS.items():
            how = {"lr": RATES[name], "seed": seed, **settings}
            _, _, runs[name] = finetune(base, method, code, [prose], **how)
            tell(f"seed {seed}, {name}: {runs[name]['after']}")
        return runs

    runs, seconds = over_seeds(one_seed, seeds)
    return {"steps": steps, "seeds": seeds, "runs": by_row(runs), "cpu_seconds_a_seed": seconds}


def gain(run):
    return run["base"]["code"] - run["after"]["code"]


def forgotten(run):
    return run["after"]["prose"] - run["base"]["prose"]


def table(numbers):
    """Gain, its share of full fine-tuning's, forgetting: means ± standard deviations over seeds."""
    titles = "trained, gain on code, share of full's, prose forgotten, MB held, CPU ms".split(", ")
    rows, full = [], numbers["runs"]["full fine-tuning"]
    for name, runs in numbers["runs"].items():
        shares = [share_of_gain(run, whole, "code") for run, whole in zip(runs, full)]
        cells = [
            f"{runs[0]['trained']:,}",
            spread([gain(run) for run in runs], 3),
            spread(shares),
            spread([forgotten(run) for run in runs], 3),
            f"{sum(runs[0]['bytes'].values()) / 1e6:.1f}",
            f"{min(run['cpu_ms_per_step'] for run in runs):.0f}",
        ]
        rows.append((name, *cells))
    lines, before = text_table(("method", *titles), rows, (28, 17)), full[0]["base"]
    lines.append(
        f"Nats a byte, held out; the base: code {before['code']:.3f}, prose {before['prose']:.3f}. "
        f"{numbers['steps']} steps, {seed_count(numbers)}, mean ± standard deviation.\n"
        "MB held: weights, gradients, moments and activations of one step; CPU ms: one step, the "
        f"smallest of the seeds'. {min(numbers['cpu_seconds_a_seed']):.0f} CPU s a seed."
    )
    return "\n".join(lines)


@style()
def figure(numbers):
    """Gain on code against prose forgotten, one point for each method, its seeds' means."""
    picture, axes = subplots(size=(6.6, 3.8))
    for k, (name, runs) in enumerate(numbers["runs"].items()):
        x, y = np.mean([gain(r) for r in runs]), np.mean([forgotten(r) for r in runs])
        color, shape = COLORS[k % len(COLORS)], MARKERS[k % len(MARKERS)]
        inside = "white" if k >= len(COLORS) else color
        point = {"color": color, "marker": shape, "markerfacecolor": inside, "markersize": 8}
        axes.plot(x, y, linestyle="", **point, label=f"{name} ({runs[0]['trained']:,})")
    axes.set(xlabel="gain on code (nats a byte)", ylabel="prose forgotten (nats a byte)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"{name} {np.mean([gain(r) for r in runs]):.2f} and "
        f"{np.mean([forgotten(r) for r in runs]):.2f}"
        for name, runs in numbers["runs"].items()
    ]
    return f"Points: gain on code and prose forgotten, in nats a byte. {'; '.join(parts)}."
