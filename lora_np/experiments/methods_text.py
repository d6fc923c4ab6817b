"""Every method on real text: what it gains on Python code, what it forgets of English prose.

The base has read prose. Each method trains on code for the same steps; gain is how far the
held-out loss on code falls, forgetting how far the one on prose rises, both in nats a byte.
"""

import time

import numpy as np

from ..checkpoint import load_base
from ..finetune import finetune, share_of_gain
from ..methods import (
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
from ..plots import COLORS, MARKERS, style, subplots
from ..tasks import text

ALL = "all-linear"
METHODS = [  # name, method, AdamW's learning rate; benchmarks/method_text_rates.py tries others
    ("full fine-tuning", FullFineTuning(), 1e-3),
    ("LoRA r 8, c_attn", LoRA(8, 16.0, ("c_attn",)), 2e-2),
    ("LoRA r 8, everywhere", LoRA(8, 16.0, ALL), 1e-2),
    ("QLoRA r 8, everywhere", QLoRA(8, 16.0, ALL), 1e-2),
    ("DoRA r 8, everywhere", DoRA(8, 16.0, ALL), 1e-2),
    ("Houlsby adapters, width 32", BottleneckAdapters(32), 1e-2),
    ("Pfeiffer adapters, width 32", BottleneckAdapters(32, "pfeiffer"), 1e-2),
    ("IA3", IA3(), 9e-2),
    ("BitFit", BitFit(), 3e-2),
    ("prefix, 16 positions", PrefixTuning(16), 9e-2),
    ("prompt, 16 tokens", PromptTuning(16), 3e-2),
    ("head", HeadTuning(), 1e-2),
]


def run(seeds=3, quick=False, progress=None):
    """Fine-tune the base on code with every method, once for each seed; plain numbers for JSON.

    `quick` takes one seed and 20 steps. `progress(text)` is told of each method that is done.
    Raises: ValueError for seeds below 1.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"expected seeds from 1, a whole number, got {seeds!r}")
    seeds, steps, windows = (1, 20, 32) if quick else (seeds, 150, 128)
    base, code, prose = load_base(), text.code(), text.prose()
    runs, seconds = {name: [] for name, _, _ in METHODS}, []
    for seed in range(seeds):
        start = time.perf_counter()
        for name, method, lr in METHODS:
            _, _, numbers = finetune(
                base, method, code, [prose], lr=lr, steps=steps, batch_size=8, seed=seed,
                windows=windows,
            )  # fmt: skip
            runs[name].append(numbers)
            if progress:
                progress(f"seed {seed}, {name}: {numbers['after']}")
        seconds.append(time.perf_counter() - start)
    return {"steps": steps, "seeds": seeds, "runs": runs, "seconds_a_seed": seconds}


def gain(run):
    return run["base"]["code"] - run["after"]["code"]


def forgotten(run):
    return run["after"]["prose"] - run["base"]["prose"]


def table(numbers):
    """Gain, its share of full fine-tuning's, forgetting: means ± standard deviations over seeds."""
    columns = ["trained", "gain on code", "share of full's", "prose forgotten", "MB held", "CPU ms"]
    lines = ["  ".join([f"{'method':28}", *(f"{name:>15}" for name in columns)])]
    full = numbers["runs"]["full fine-tuning"]
    for name, runs in numbers["runs"].items():
        shares = [share_of_gain(run, whole, "code") for run, whole in zip(runs, full)]
        cells = [
            f"{runs[0]['trained']:,}",
            spread([gain(run) for run in runs]),
            spread(shares, 2),
            spread([forgotten(run) for run in runs]),
            f"{sum(runs[0]['bytes'].values()) / 1e6:.1f}",
            f"{min(run['cpu_ms_per_step'] for run in runs):.0f}",
        ]
        lines.append("  ".join([f"{name:28}", *(f"{cell:>15}" for cell in cells)]))
    before, many = full[0]["base"], f"{numbers['seeds']} seed{'s' if numbers['seeds'] > 1 else ''}"
    lines.append(
        f"Nats a byte, held out; the base: code {before['code']:.3f}, prose {before['prose']:.3f}. "
        f"{numbers['steps']} steps, {many}, mean ± standard deviation.\n"
        "MB held: weights, gradients, moments and activations of one step; CPU ms: one step, the "
        f"smallest of the seeds'. {max(numbers['seconds_a_seed']):.0f} s a seed at most."
    )
    return "\n".join(lines)


def spread(values, digits=3):
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


@style()
def figure(numbers):
    """Gain on code against prose forgotten, one point for each method, its seeds' means."""
    picture, axes = subplots(size=(6.6, 3.8))
    for k, (name, runs) in enumerate(numbers["runs"].items()):
        x, y = np.mean([gain(r) for r in runs]), np.mean([forgotten(r) for r in runs])
        axes.plot(
            x, y, linestyle="", marker=MARKERS[k % len(MARKERS)], color=COLORS[k % len(COLORS)],
            markerfacecolor="white" if k >= len(COLORS) else COLORS[k], markersize=8,
            label=f"{name} ({runs[0]['trained']:,})",
        )  # fmt: skip
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
