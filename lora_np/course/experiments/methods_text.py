"""Every method on real text: what it gains on Python code, what it forgets of English prose.

The base has read prose. Each way trains on the same windows of code for the same steps, at the
rate that was best for it on the validation half of the held-out code. Gain is how far the loss on
the test half falls, forgetting how far the one on prose rises, both in nats a byte. Other tables
read the same runs: `regret`, `variants`, `forgetting`, `razor`, `truncation` and `intruders`.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
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
from ...methods.low_rank.lora_init import pissa
from .common import caveat, paired, seed_count, spread, text_table, told_apart
from .protocol import Study, by_seed, compare
from .real_text import PROSE, TEST, TUNE, Way, compared, is_tuning, learn, losses
from .text_closer import gentler, intruding, spectrum, truncations

ALL = "all-linear"
FULL, LORA = "full fine-tuning", "LoRA r 8, everywhere"
# LoRA keeps alpha = 16 at every rank, as in "LoRA Without Regret"; two have the habit's alpha, 2 r.
WAYS = {
    FULL: Way(FullFineTuning(), 1e-3, along=4, closer=(gentler, spectrum, truncations, intruding)),
    "LoRA r 8, c_attn": Way(LoRA(8, 16.0, ("c_attn",)), 2e-2),
    "LoRA r 1, everywhere": Way(LoRA(1, 16.0, ALL), 1e-2),
    "LoRA r 2, everywhere": Way(LoRA(2, 16.0, ALL), 1e-2),
    LORA: Way(LoRA(8, 16.0, ALL), 1e-2, along=4, closer=(gentler, spectrum, intruding)),
    "LoRA r 32, everywhere": Way(LoRA(32, 16.0, ALL), 1e-2, closer=(spectrum, intruding)),
    "LoRA r 1, alpha 2": Way(LoRA(1, 2.0, ALL), 3e-2),
    "LoRA r 32, alpha 64": Way(LoRA(32, 64.0, ALL), 5e-3),
    "QLoRA r 8, everywhere": Way(QLoRA(8, 16.0, ALL), 1e-2),
    "DoRA r 8, everywhere": Way(DoRA(8, 16.0, ALL), 1e-2),
    "PiSSA r 8, everywhere": Way(LoRA(8, 16.0, ALL, init=pissa), 3e-3),
    "LoRA+ r 8, everywhere": Way(LoRA(8, 16.0, ALL), 1e-3, ratio=16.0),  # the rate of A
    "Houlsby adapters, width 32": Way(BottleneckAdapters(32), 1e-2),
    "Pfeiffer adapters, width 32": Way(BottleneckAdapters(32, "pfeiffer"), 1e-2),
    "IA3": Way(IA3(), 1e-1),
    "BitFit": Way(BitFit(), 3e-2),
    "prefix, 16 positions": Way(PrefixTuning(16), 1e-1),
    "prefix, 16, by an MLP": Way(PrefixTuning(16, mlp_width=64), 2e-2),
    "prompt, 16 tokens": Way(PromptTuning(16), 3e-1),
    "head": Way(HeadTuning(), 2e-2),
}
SETTINGS = {"steps": 56, "batch": 8, "length": 128, "windows": 64}
QUICK = {"steps": 2, "batch": 2, "length": 32, "windows": 2}


def run(seeds=5, quick=False, directory=None, processes=None):
    """Tune and run every way, as `protocol.compare` says; plain numbers for JSON.

    `quick` takes one seed, two steps and the rates where a search would begin.
    Raises: ValueError for seeds below 1.
    """
    seeds, settings, trials = (1, QUICK, 0) if quick else (seeds, SETTINGS, 5)
    rates = {name: way.rate for name, way in WAYS.items()}
    study = Study("methods_text", one_run, rates, settings, trials=trials)
    return {**compare(study, seeds, directory, processes), "quick": quick}


def one_run(cell):
    """What one way came to; a run that only tunes never reads the test half, nor prose."""
    way = WAYS[cell["way"]]
    model, result = learn(way, cell, along=1 if is_tuning(cell) else way.along)
    result["validation"] = losses(model, cell, (TUNE,))[TUNE]
    if is_tuning(cell):
        return result
    result |= compared(model, cell)
    for look in way.closer:
        result[look.__name__] = look(way, model, cell)
    return result


def gain(run):
    return run["base"][TEST] - run["after"][TEST]


def forgotten(run):
    return run["after"][PROSE] - run["base"][PROSE]


def shares(numbers, way):
    """(seeds,): how much of full fine-tuning's gain each seed's run of this way made."""
    return by_seed(numbers, way, gain) / by_seed(numbers, FULL, gain)


def table(numbers):
    """Rate, trained numbers, gain, its share of full's, forgetting, bytes and time of a step."""
    titles = "trained, rate, between, gain on code, of full's, prose forgotten, MB held, step"
    rows, slowest = [], by_seed(numbers, FULL, "cpu_ms").min()
    for name, how in numbers["ways"].items():
        run = how["runs"][0]
        cells = [
            f"{run['trained']:,}", f"{how['lr']:.2g}", between(how),
            spread(by_seed(numbers, name, gain), 3), f"{shares(numbers, name).mean():.2f}",
            spread(by_seed(numbers, name, forgotten), 3), f"{sum(run['bytes'].values()) / 1e6:.1f}",
            f"{by_seed(numbers, name, 'cpu_ms').min() / slowest:.2f}",
        ]  # fmt: skip
        rows.append((name, *cells))
    lines = text_table(("method", *titles.split(", ")), rows, (28, 9, 9, 17, 17, 11, 17, 9))
    before, settings = numbers["ways"][FULL]["runs"][0]["base"], numbers["settings"]
    lines.append(
        f"Nats a byte, held out; the base: code {before[TEST]:.3f}, prose {before[PROSE]:.3f}. "
        f"{settings['steps']} steps of {settings['batch']} x {settings['length']} bytes, "
        f"{seed_count(numbers)}, mean ± standard deviation.\n"
        "Rate: the best on other code (between: its neighbours in the search; * at its edge). "
        "MB held: weights, gradients,\nmoments and activations of one step. "
        "Step: its processor time, full's being 1, each the smallest of the seeds'.\n"
        f"{verdict(numbers)}"
    )
    return "\n".join(lines) + caveat(numbers)


def between(how):
    """The interval of the best rate, in words."""
    if how["between"] is None:
        return "not tuned"
    low, high = how["between"]
    return f"{low:.1g} to {high:.1g}{'' if how['inside'] else ' *'}"


def sides(numbers, measure):
    """{"above", "below", "not told apart from": ways}, by the pairs with full fine-tuning."""
    found = {"above": [], "below": [], "not told apart from": []}
    full = by_seed(numbers, FULL, measure)
    for name in numbers["ways"]:
        if name != FULL:
            d = by_seed(numbers, name, measure) - full
            apart = told_apart(d, np.zeros(len(d)))
            side = ("above" if d.mean() > 0 else "below") if apart else "not told apart from"
            found[side].append(name)
    return found


def claims(numbers):
    """{one less another: a difference a seed}: every way's gain and forgetting less full's."""
    return {
        f"{what}: {name} less full": (
            by_seed(numbers, name, measure) - by_seed(numbers, FULL, measure)
        ).tolist()
        for what, measure in (("gain on code", gain), ("prose forgotten", forgotten))
        for name in numbers["ways"]
        if name != FULL
    }


def verdict(numbers):
    """Which ways gain and forget more or less than full fine-tuning, by the seeds' pairs."""
    lines = []
    for what, measure in (("Gain", gain), ("Forgetting", forgotten)):
        parts = [
            f"{side} full's: {'; '.join(w)}" for side, w in sides(numbers, measure).items() if w
        ]
        lines.append(f"{what} {'. '.join(parts)}.")
    others = [name for name in numbers["ways"] if name != FULL]
    best = max(others, key=lambda name: by_seed(numbers, name, gain).mean())
    d = paired(by_seed(numbers, best, gain), by_seed(numbers, FULL, gain), 3)
    lines.append(f"Most of the others gains {best}: against full's, {d}.")
    return "\n".join(lines)


@style()
def figure(numbers):
    """Gain on code against prose forgotten, one point for each method, its seeds' means."""
    picture, axes = subplots(size=(7.4, 4.4))
    for k, name in enumerate(numbers["ways"]):
        x, y = by_seed(numbers, name, gain), by_seed(numbers, name, forgotten)
        color, shape = COLORS[k % len(COLORS)], MARKERS[(k + k // len(COLORS)) % len(MARKERS)]
        point = {"color": color, "marker": shape, "markersize": 7, "linestyle": ""}
        trained = numbers["ways"][name]["runs"][0]["trained"]
        axes.plot(x.mean(), y.mean(), **point, label=f"{name} ({trained:,})")
    axes.set(xlabel="gain on code (nats a byte)", ylabel="prose forgotten (nats a byte)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"{name} {by_seed(numbers, name, gain).mean():.2f} and "
        f"{by_seed(numbers, name, forgotten).mean():.2f}"
        for name in numbers["ways"]
    ]
    return f"Points: gain on code and prose forgotten, in nats a byte. {'; '.join(parts)}."
