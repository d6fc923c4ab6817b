"""Does a method forget less than full fine-tuning where both gain as much?

"LoRA Learns Less and Forgets Less" (Biderman et al. 2024, arXiv 2405.09673) compares ends of runs,
and less gained is less forgotten for full fine-tuning too. So here full has a curve of its own for
each seed: its best rate, and half, a quarter and less of it, each trained to its end. A
method is compared with the point of that curve where the gain is the method's own, between two
runs in proportion; where full's curve does not reach, the pair does not count. Forgetting bends
upwards in the gain, so that a line between two runs lies above the curve: that favours the method.

Why it may differ from the paper: prose and code are bytes of one model 128 wide, in 60 steps.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from .common import caveat, look, paired, seed_count, spread, text_table, told_apart
from .methods_text import FULL, LORA, forgotten, gain, run
from .protocol import by_seed

__all__ = ["alt_text", "figure", "run", "table", "verdict"]

ON_THE_WAY = (FULL, LORA, "LoRA r 32, everywhere")


def full_curve(run):
    """(gain, forgotten) of one seed's full fine-tuning, from its gentlest rate to its best."""
    points = [(gain(each), forgotten(each)) for each in (*run["gentler"], run)]
    return np.transpose(sorted(points))


def at_gain(curve, wanted):
    """What is forgotten where a curve's gain is the wanted one; nan where it does not reach."""
    return float(np.interp(wanted, *curve, left=np.nan, right=np.nan))


def pairs(numbers, way):
    """(forgotten by the way, by full at the way's gain), one of each for a seed that has both."""
    runs, fulls = (numbers["ways"][name]["runs"] for name in (way, FULL))
    both = [(forgotten(r), at_gain(full_curve(f), gain(r))) for r, f in zip(runs, fulls)]
    return np.reshape([pair for pair in both if np.isfinite(pair[1])], (-1, 2)).T


def ways(numbers):
    return [name for name in numbers["ways"] if name != FULL]


def table(numbers):
    """Each way's forgetting beside full's at the same gain, by the seeds' pairs."""
    rows = []
    for name in ways(numbers):
        ours, theirs = pairs(numbers, name)
        n = len(ours)
        cells = [spread(by_seed(numbers, name, m), 3) for m in (gain, forgotten)]
        cells.append(f"{theirs.mean():.3f}" if n else "not reached")
        cells.append(paired(ours, theirs, 3) if n == numbers["seeds"] else f"{n} pairs only")
        rows.append((name, *cells))
    curves = np.array([full_curve(run) for run in numbers["ways"][FULL]["runs"]])  # (seeds, 2, k)
    for k, (gained, lost) in enumerate(curves.transpose(2, 1, 0)):
        rows.append((f"full's curve, {k + 1}", spread(gained, 3), spread(lost, 3), "", ""))
    titles = "", "gain on code", "prose forgotten", "full's there", "difference"
    lines = text_table(titles, rows, (28, 17, 17, 14, 58))
    lines.append(f"Nats a byte; {seed_count(numbers)}.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def verdict(numbers):
    """Which ways forget less, or more, than full at equal gain."""
    found = {"less": [], "more": [], "not told apart": [], "beyond full's curve": []}
    for name in ways(numbers):
        ours, theirs = pairs(numbers, name)
        if len(ours) < numbers["seeds"]:
            found["beyond full's curve"].append(name)
        elif told_apart(ours, theirs):
            found["less" if ours.mean() < theirs.mean() else "more"].append(name)
        else:
            found["not told apart"].append(name)
    parts = [f"{how}: {'; '.join(names)}." for how, names in found.items() if names]
    return "At equal gain, forgotten beside full fine-tuning. " + "\n".join(parts)


@style()
def figure(numbers):
    """Full's curve of forgetting against gain, the ways' points, and the way to three of them."""
    picture, axes = subplots(size=(7, 4))
    curves = [full_curve(run) for run in numbers["ways"][FULL]["runs"]]
    axes.plot(*np.mean(curves, axis=0), "-o", color="black", label="full, by rate")
    for k, name in enumerate(ON_THE_WAY):
        x, y = on_the_way(numbers, name)
        axes.plot(x, y, **look(k) | {"markersize": 3, "linewidth": 1}, label=f"{name}, by step")
    for k, name in enumerate(ways(numbers)):
        point = by_seed(numbers, name, gain).mean(), by_seed(numbers, name, forgotten).mean()
        shape = MARKERS[(k + k // len(COLORS)) % len(MARKERS)]
        axes.plot(*point, shape, color=COLORS[k % len(COLORS)], markersize=6, label=name)
    axes.set(xlabel="gain on code (nats a byte)", ylabel="prose forgotten (nats a byte)")
    axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)
    return picture


def on_the_way(numbers, name):
    """(gain, forgotten), each a mean over the seeds, at the steps where the losses were read."""
    each = [
        [(run["along"][0][kind] - point[kind]) for point in run["along"]]
        for kind in ("code", "prose")
        for run in numbers["ways"][name]["runs"]
    ]
    gains, losses = np.split(np.array(each), 2)
    return gains.mean(axis=0), -losses.mean(axis=0)


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    x, y = np.mean([full_curve(run) for run in numbers["ways"][FULL]["runs"]], axis=0)
    curve = "; ".join(f"{a:.2f} and {b:.2f}" for a, b in zip(x, y))
    parts = []
    for name in ways(numbers):
        each = [by_seed(numbers, name, measure).mean() for measure in (gain, forgotten)]
        parts.append("{} {:.2f} and {:.2f}".format(name, *each))
    return (
        f"Gain on code and prose forgotten. Full fine-tuning from a gentle rate to its best: "
        f"{curve}. {'; '.join(parts)}."
    )
