"""Does a method forget less than full fine-tuning where both gain as much?

"LoRA Learns Less and Forgets Less" (Biderman et al. 2024, arXiv 2405.09673) compares ends of runs,
and less gained is less forgotten for full fine-tuning too. So here full has a curve of its own for
each seed: its best rate, and half, a quarter and an eighth of it, each trained to its end; and so
has LoRA r 8, since near the best rate gain is flat and forgetting is not. A run is compared with
full's curve where the gain is the run's own, between two points in proportion; where the curve does
not reach, the pair does not count. A point that forgets more for no more gain is off the curve.
Forgetting bends upwards in the gain, so that a line between two points lies above the curve: that
favours the run that is compared.

Why it may differ from the paper: prose and code are bytes of one model 128 wide, in 56 steps.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .methods_text import FULL, LORA, forgotten, gain, run
from .real_text import PROSE, TEST

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

GENTLER = {f"{LORA}, {part}": k for k, part in enumerate(("rate / 2", "rate / 4", "rate / 8"))}


def frontier(points):
    """(2, n) of (gain, forgotten): the most gain for what is forgotten, both ascending."""
    kept = []
    for gained, lost in sorted(points, key=lambda point: point[::-1]):
        if not kept or gained > kept[-1][0]:
            kept.append((gained, lost))
    return np.transpose(kept)


def curve_of(run):
    """The points of one seed, from its gentlest rate to its best."""
    return [(gain(each), forgotten(each)) for each in (*reversed(run["gentler"]), run)]


def at_gain(curve, wanted):
    """What is forgotten where a curve's gain is the wanted one; nan where it does not reach."""
    return float(np.interp(wanted, *curve, left=np.nan, right=np.nan))


def compared(numbers):
    """{name: a run for each seed}: every way but full, and LoRA at its gentler rates."""
    found = {name: how["runs"] for name, how in numbers["ways"].items() if name != FULL}
    for name, k in GENTLER.items():
        found[name] = [run["gentler"][k] for run in found[LORA]]
    return found


def pairs(numbers, runs):
    """(forgotten by each run, by full at its gain), of the seeds where full's curve reaches it."""
    fulls = numbers["ways"][FULL]["runs"]
    both = [
        (forgotten(run), at_gain(frontier(curve_of(full)), gain(run)))
        for run, full in zip(runs, fulls)
    ]
    return np.reshape([pair for pair in both if np.isfinite(pair[1])], (-1, 2)).T


def measured(runs):
    """(gain, forgotten), each (seeds,)."""
    return np.transpose([(gain(run), forgotten(run)) for run in runs])


def table(numbers):
    """Each run's forgetting beside full's at the same gain, by the seeds' pairs."""
    rows = []
    for name, runs in compared(numbers).items():
        ours, theirs = pairs(numbers, runs)
        n = len(ours)
        cells = [spread(each, 3) for each in measured(runs)]
        cells.append(f"{theirs.mean():.3f}" if n else "not reached")
        cells.append(paired(ours, theirs, 3) if n == numbers["seeds"] else f"{n} pairs only")
        rows.append((name, *cells))
    curves = np.array([curve_of(run) for run in numbers["ways"][FULL]["runs"]])  # (seeds, k, 2)
    for part, (gained, lost) in zip(("/ 8", "/ 4", "/ 2", "* 1"), curves.transpose(1, 2, 0)):
        rows.append((f"{FULL}, rate {part}", spread(gained, 3), spread(lost, 3), "", ""))
    titles = "", "gain on code", "prose forgotten", "full's there", "difference"
    lines = text_table(titles, rows, (32, 17, 17, 14, 58))
    lines.append(f"Nats a byte; {seed_count(numbers)}.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}, of ways whose gain full's curve always reaches."""
    both = {name: pairs(numbers, runs) for name, runs in compared(numbers).items()}
    return {
        f"prose forgotten at equal gain: {name} less full": (ours - theirs).tolist()
        for name, (ours, theirs) in both.items()
        if len(ours) == numbers["seeds"]
    }


def verdict(numbers):
    """Which ways forget less, or more, than full at equal gain."""
    found = {"less": [], "more": [], "not told apart": [], "off full's curve": []}
    for name, runs in compared(numbers).items():
        ours, theirs = pairs(numbers, runs)
        if len(ours) < numbers["seeds"]:
            found["off full's curve"].append(name)
        elif told_apart(ours, theirs):
            found["less" if ours.mean() < theirs.mean() else "more"].append(name)
        else:
            found["not told apart"].append(name)
    parts = [f"{how}: {'; '.join(names)}." for how, names in found.items() if names]
    return "At equal gain, forgotten beside full fine-tuning.\n" + "\n".join(parts)


@style()
def figure(numbers):
    """Forgetting against gain: full's curve and LoRA's by rate and by step, the others' points."""
    picture, axes = subplots(size=(7, 4))
    for k, (name, short) in enumerate({FULL: "full", LORA: "LoRA r 8"}.items()):
        runs = numbers["ways"][name]["runs"]
        by_rate = np.mean([curve_of(run) for run in runs], axis=0).T
        axes.plot(*by_rate, **look(k) | {"linestyle": "-"}, label=f"{short}, by rate")
        axes.plot(
            *on_the_way(runs),
            **look(k) | {"linestyle": ":", "markersize": 3},
            label=f"{short}, by step",
        )
    others = [name for name in numbers["ways"] if name not in (FULL, LORA)]
    for k, name in enumerate(others, 2):
        point = measured(numbers["ways"][name]["runs"]).mean(axis=1)
        shape = MARKERS[(k + k // len(COLORS)) % len(MARKERS)]
        axes.plot(*point, shape, color=COLORS[k % len(COLORS)], markersize=6, label=name)
    axes.set(xlabel="gain on code (nats a byte)", ylabel="prose forgotten (nats a byte)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    return picture


def on_the_way(runs):
    """(gain, forgotten), each a mean over the seeds, at the steps where the losses were read."""
    each = [
        [(run["base"][TEST] - at[TEST], at[PROSE] - run["base"][PROSE]) for at in run["along"]]
        for run in runs
    ]
    return np.mean(each, axis=0).T


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = []
    for name in (FULL, LORA):
        points = np.mean([curve_of(run) for run in numbers["ways"][name]["runs"]], axis=0)
        said = "; ".join(f"{a:.2f} and {b:.2f}" for a, b in points)
        parts.append(f"{name}, from an eighth of its rate to all of it: {said}")
    for name, runs in compared(numbers).items():
        if name not in GENTLER:
            parts.append("{} {:.2f} and {:.2f}".format(name, *measured(runs).mean(axis=1)))
    return f"Gain on code and prose forgotten. {'. '.join(parts)}."
