"""Does forgetting follow how far the model moved on the new task? KL(base ‖ fine-tuned) on code.

RL's razor (Shenfeld et al. 2025, arXiv 2509.04259): over ways of training, what is forgotten is a
function of the KL divergence from the base on the new task, near a quadratic, and not of the way.
They compare reinforcement with labels; here the ways are methods under the same labels. For each
seed: the rank correlation over the ways of forgetting with the KL, and with the gain, which any
rival explanation must beat; and the share of the variance that a quadratic in either explains.
KL on prose is no evidence: where the base is right about prose, it is the forgetting itself.

Why it may differ: labels of one kind and one domain, where KL and gain rise together.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from .common import caveat, paired, seed_count, spread, text_table, told_apart
from .methods_text import FULL, forgotten, gain, run
from .protocol import by_seed
from .real_text import TEST

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

DEGREE = 2


def moved(run):
    return run["kl"][TEST]


def points(numbers, measure):
    """(ways, seeds): the measure of every run, and of full fine-tuning at its gentler rates."""
    rows = [by_seed(numbers, way, measure) for way in numbers["ways"]]
    gentle = [[measure(g) for g in run["gentler"]] for run in numbers["ways"][FULL]["runs"]]
    return np.vstack([rows, np.transpose(gentle)])


def rank_correlation(x, y):
    """Spearman's ρ: the correlation of the two orders; ties are not expected."""
    return float(np.corrcoef(*(np.argsort(np.argsort(each)) for each in (x, y)))[0, 1])


def explained(x, y, degree=DEGREE):
    """R² = 1 − Σ(y − fit)² / Σ(y − mean)² of the best polynomial in x."""
    fit = np.polynomial.Polynomial.fit(x, y, degree)
    return float(1 - np.square(y - fit(x)).sum() / np.square(y - y.mean()).sum())


def scores(numbers):
    """{name of a score: {"KL" or "gain": (seeds,)}}"""
    lost, by = points(numbers, forgotten), {"KL": moved, "gain": gain}
    xs = {name: points(numbers, measure) for name, measure in by.items()}
    kinds = {"rank correlation": rank_correlation, "explained": explained}
    return {
        kind: {
            name: np.array([score(x[:, s], lost[:, s]) for s in range(lost.shape[1])])
            for name, x in xs.items()
        }
        for kind, score in kinds.items()
    }


def table(numbers):
    """Each way's KL on code, gain and forgetting, and how well either orders the forgetting."""
    rows = [
        (name, *(spread(by_seed(numbers, name, m), 3) for m in (moved, gain, forgotten)))
        for name in sorted(numbers["ways"], key=lambda w: by_seed(numbers, w, moved).mean())
    ]
    titles = "", "KL on code", "gain on code", "prose forgotten"
    lines = text_table(titles, rows, (28, 17))
    for kind, each in scores(numbers).items():
        said = ", ".join(f"by {name} {spread(values)}" for name, values in each.items())
        lines.append(f"Forgetting, {kind}: {said}.")
    lines.append(f"Nats a byte; {seed_count(numbers)}.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}: how well forgetting follows KL, less the gain."""
    return {
        f"forgetting, {kind}: by KL less by gain": (each["KL"] - each["gain"]).tolist()
        for kind, each in scores(numbers).items()
    }


def verdict(numbers):
    """Whether KL orders and explains the forgetting better than the gain does."""
    lines = []
    for kind, each in scores(numbers).items():
        better = "not told apart from the gain"
        if told_apart(each["KL"], each["gain"]):
            ahead = each["KL"].mean() > each["gain"].mean()
            better = f"{'better' if ahead else 'worse'} than the gain"
        lines.append(
            f"Forgetting follows the KL on the new task, {kind}: {each['KL'].mean():.2f}, {better} "
            f"({each['gain'].mean():.2f}; pairs: {paired(each['KL'], each['gain'])})."
        )
    return "\n".join(lines)


@style()
def figure(numbers):
    """Forgetting against the KL on code, and against the gain; a point a way, and the quadratic."""
    picture, panels = subplots(1, 2, size=(8.4, 3.4), sharey=True)
    lost = points(numbers, forgotten).mean(axis=1)
    for axes, (label, measure) in zip(
        panels, {"KL(base, fine-tuned) on code": moved, "gain on code": gain}.items()
    ):
        x = points(numbers, measure).mean(axis=1)
        for k, (a, b) in enumerate(zip(x, lost)):
            shape = MARKERS[(k + k // len(COLORS)) % len(MARKERS)]
            axes.plot(a, b, shape, color=COLORS[k % len(COLORS)], markersize=5)
        fit = np.polynomial.Polynomial.fit(x, lost, DEGREE)
        axes.plot(*fit.linspace(50), color="black", linewidth=1)
        axes.set(xlabel=f"{label} (nats a byte)")
    panels[0].set(ylabel="prose forgotten (nats a byte)")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"{kind} {each['KL'].mean():.2f} by KL and {each['gain'].mean():.2f} by gain"
        for kind, each in scores(numbers).items()
    ]
    return f"Prose forgotten against the KL on code, and against the gain: {'; '.join(parts)}."
