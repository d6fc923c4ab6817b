"""Does LoRA's forgetting sit in new singular directions, and does shrinking them restore the base?

Shuttleworth et al. 2024 (arXiv 2410.21228): under LoRA, not under full fine-tuning, some of the
first singular directions of W' resemble none of W's; multiplying their singular values by a factor
below 1 brings the base's loss back at little cost to the new task. A harder test stands beside it:
all of ΔW times a factor does both too (Wortsman et al. 2022, WiSE-FT, arXiv 2109.01903), so
shrinking intruders must forget less than that at the same gain.

Why it may differ: W' = W + ΔW with 128 directions a layer and not thousands, so that a direction
of W' that is called new still holds much of W, which shrinking takes away; "change" spares it.
"""

import numpy as np

from ...analysis.plots import style, subplots
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .forgetting import at_gain, frontier
from .methods_text import FULL, LORA, forgotten, gain, run
from .protocol import by_seed

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

ASKED = (LORA, "LoRA r 32, everywhere")
HOWS = ("singular values", "change", "all of it")
MEASURES = gain, forgotten
MILD = "0.75"


def count(run):
    return run["intruding"]["count"]


def point(run, how, factor):
    """(gain, forgotten) of a run after a factor on its intruders, or on all of its ΔW."""
    changed = {"base": run["base"], "after": run["intruding"][how][factor]}
    return gain(changed), forgotten(changed)


def runs_with(numbers, way, how):
    """The way's runs that were asked so: only one with an intruder can have it shrunk."""
    return [run for run in numbers["ways"][way]["runs"] if how in run["intruding"]]


def beside_all(runs, how, factor):
    """(forgotten after the factor on `how`, after one on all of ΔW at the same gain), (2, n)."""
    both = []
    for one in runs:
        curve = [point(one, HOWS[-1], each) for each in one["intruding"][HOWS[-1]]]
        curve = frontier([*curve, (gain(one), forgotten(one))])
        gained, lost = point(one, how, factor)
        both.append((lost, at_gain(curve, gained)))
    return np.reshape([pair for pair in both if np.isfinite(pair[1])], (-1, 2)).T


def table(numbers):
    """How many intruders, and the gain and forgetting after each factor on each kind of change."""
    lines = []
    for way in (FULL, *ASKED):
        of = numbers["ways"][way]["runs"][0]["intruding"]["of"]
        lines.append(f"{way}: {spread(by_seed(numbers, way, count), 1)} intruders of {of}.")
    rows = []
    for way in (FULL, *ASKED):
        rows.append((way, "", "", *(spread(by_seed(numbers, way, m), 3) for m in MEASURES)))
        for how in HOWS:
            runs = runs_with(numbers, way, how)
            for factor in runs[0]["intruding"][how] if runs else ():
                each = np.transpose([point(run, how, factor) for run in runs])
                rows.append(("", how, factor, *(spread(values, 3) for values in each)))
    titles = "", "factor on", "factor", "gain on code", "prose forgotten"
    lines += text_table(titles, rows, (24, 17, 8, 17, 17))
    lines.append(f"Nats a byte; {seed_count(numbers)}.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}; 0 where a seed has no intruder to shrink."""
    full, found = by_seed(numbers, FULL, count), {}
    for way in ASKED:
        found[f"intruders: {way} less full"] = (by_seed(numbers, way, count) - full).tolist()
    for way, hows in {FULL: HOWS[2:], **dict.fromkeys(ASKED, HOWS)}.items():
        for how in hows:
            for k, what in enumerate(("gain on code", "prose forgotten")):
                found[f"{what}: {way}, {MILD} of {how}, less before"] = [
                    point(run, how, MILD)[k] - MEASURES[k](run) if how in run["intruding"] else 0.0
                    for run in numbers["ways"][way]["runs"]
                ]
    return found


def verdict(numbers):
    """Whether LoRA has more intruders than full, and whether shrinking them restores the base."""
    lines, full = [], by_seed(numbers, FULL, count)
    for way in ASKED:
        more = paired(by_seed(numbers, way, count), full, 1)
        lines.append(f"Intruders of {way}, less full's: {more}.")
        for how in HOWS[:2]:
            if runs := runs_with(numbers, way, how):
                lines.append(f"{way}, {how} of its intruders {restored(runs, how)}.")
    for way in (FULL, *ASKED):
        runs = runs_with(numbers, way, HOWS[-1])
        for measure, name in zip((0, 1), ("gain", "forgotten")):
            after = [point(run, HOWS[-1], MILD)[measure] for run in runs]
            change = paired(after, [MEASURES[measure](run) for run in runs], 3)
            lines.append(f"{way}, all of ΔW times {MILD}, {name}: {change}.")
    return "\n".join(lines)


def restored(runs, how):
    """What the factor that forgets least on average does, in words."""
    before = np.array([forgotten(run) for run in runs])
    lost = {
        factor: np.array([point(run, how, factor)[1] for run in runs])
        for factor in runs[0]["intruding"][how]
    }
    best = min(lost, key=lambda factor: lost[factor].mean())
    said = "not told apart from before"
    if told_apart(lost[best], before):
        side = "less" if lost[best].mean() < before.mean() else "more"
        said = f"{side} forgotten ({(lost[best] - before).mean():+.3f})"
    ours, theirs = beside_all(runs, how, best)
    all_of_it = "no factor on all of ΔW keeps as little gain"
    if len(ours) == len(runs):
        all_of_it = f"less a factor on all of ΔW at that gain, {paired(ours, theirs, 3)}"
    return f"times {best}, {said}; {all_of_it}"


@style()
def figure(numbers):
    """Gain and forgetting as the factor falls: on the intruders' parts, and on all of ΔW."""
    picture, panels = subplots(1, len(ASKED), size=(8, 3.4), sharey=True)
    for axes, way in zip(panels, ASKED):
        for k, how in enumerate(HOWS):
            if runs := runs_with(numbers, way, how):
                end = [(gain(run), forgotten(run)) for run in runs]
                factors = runs[0]["intruding"][how]
                path = [end, *([point(run, how, f) for run in runs] for f in factors)]
                axes.plot(*np.mean(path, axis=1).T, **look(k), label=how)
        mean = by_seed(numbers, way, count).mean()
        axes.set(title=f"{way}: {mean:.1f} intruders", xlabel="gain on code (nats a byte)")
    panels[0].set(ylabel="prose forgotten (nats a byte)")
    panels[0].legend(fontsize=8, title="factor on")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = []
    for way in ASKED:
        parts.append(f"{way}: {by_seed(numbers, way, count).mean():.1f} intruders")
        for how in HOWS:
            if runs := runs_with(numbers, way, how):
                x, y = np.mean([point(run, how, MILD) for run in runs], axis=0)
                parts.append(f"times {MILD} on {how}, gain {x:.2f} and forgotten {y:.2f}")
    return f"Gain on code and prose forgotten as a factor falls. {'; '.join(parts)}."
