"""What experiments conclude: differences in pairs of one seed, with their intervals, in one table.

An experiment's `claims(numbers)` is {sentence: a difference a seed}; the sentence says what less
what. It is decided where every seed agrees and the mean lies three standard errors from zero.
"""

import numpy as np

from .common import text_table, told_apart

# Student's t: 95 % of a distribution with so many degrees of freedom, from 1 on, lie within ± this
T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160)
T95 += (2.145, 2.131, 2.120, 2.110, 2.101, 2.093)


def half_width(differences):
    """Half of the 95 % interval of the mean, by Student's t; inf for one seed."""
    n = len(differences)
    if n < 2:
        return np.inf
    return T95[min(n - 1, len(T95)) - 1] * np.std(differences, ddof=1) / np.sqrt(n)


def decide(differences):
    """ "above", "below" or "not told apart"."""
    if not told_apart(differences, np.zeros(len(differences))):
        return "not told apart"
    return "above" if np.mean(differences) > 0 else "below"


def margin(differences):
    """How many half widths of its interval the mean lies from zero; inf without any spread."""
    mean, half = abs(np.mean(differences)), half_width(differences)
    return mean / half if half else (np.inf if mean else 0.0)


def in_halves(differences):
    """The margin in words: a spread of a rounding error makes it no number to print."""
    return f"{found:.1f}" if (found := margin(differences)) < 100 else "> 99"


def table(claims):
    """A line a claim: the mean and its interval, pairs, what is decided, the margin."""
    rows = []
    for sentence, differences in claims.items():
        mean, half = np.mean(differences), half_width(differences)
        agree = int(max(np.sum(np.sign(differences) == sign) for sign in (-1, 1)))
        pairs = f"{agree} of {len(differences)}"
        decided, shown = decide(differences), f"{mean:+.3g} ± {half:.2g}"
        rows.append((sentence, shown, pairs, decided, in_halves(differences)))
    width = 2 + max(len(sentence) for sentence in claims)
    titles = ("one less another", "mean ± 95 %", "agree", "decided", "margin")
    return "\n".join(text_table(titles, rows, (width, 20, 9, 17, 8)))


def changed(ours, theirs):
    """[(sentence, decided in ours, decided in theirs)] where two runs of an experiment disagree.

    A claim that only one of them has pairs for is "no pairs" in the other.
    """
    both = [
        (name, *(decide(runs[name]) if name in runs else "no pairs" for runs in (ours, theirs)))
        for name in dict.fromkeys([*ours, *theirs])
    ]
    return [row for row in both if row[1] != row[2]]
