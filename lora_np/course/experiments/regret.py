"""Is LoRA's best rate ten times full fine-tuning's, whatever the rank, and what does rank buy?

"LoRA Without Regret" (Schulman and Thinking Machines Lab 2025) says so of ΔW = (α/r)·A·B with α
the same at every rank, and that all layers beat attention alone at the same trained numbers, and
that LoRA equals full fine-tuning while its capacity is not full. Here r 1, 2, 8 and 32 keep α = 16,
each at its own rate; once α is 2 r, where the sum over r terms is no longer divided by r.

Why it may differ: the model is 128 wide and reads for 64 steps, so that no rate is that of a long
run (theirs fell from 15 to 10 times with longer runs), and rank 32 is a quarter of full rank.
"""

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from .common import caveat, paired, seed_count, spread, text_table, told_apart
from .methods_text import FULL, LORA, gain, run, shares
from .protocol import by_seed
from .real_text import TEST

__all__ = ["alt_text", "figure", "run", "table", "verdict"]

RANKS = {rank: f"LoRA r {rank}, everywhere" for rank in (1, 2, 8, 32)}
TWICE = "LoRA r 32, alpha 64"
ATTENTION, AS_MANY = "LoRA r 8, c_attn", RANKS[2]  # each trains 16,384 numbers


def loss(run):
    return run["after"][TEST]


def rates(numbers, way):
    """(best rate, its interval's ends): the same three times where nothing was tuned."""
    how = numbers["ways"][way]
    return how["lr"], *(how["between"] or (how["lr"], how["lr"]))


def ratio(numbers, way):
    """(way's rate / full's, and from the intervals' opposite ends the smallest and largest)."""
    (lr, low, high), (full, full_low, full_high) = (rates(numbers, w) for w in (way, FULL))
    return lr / full, low / full_high, high / full_low


def slope(numbers, ways):
    """(d log rate / d log rank, smallest, largest) of the least-squares line through `ways`.

    `ways` is {rank: way}. −1 is a rate in inverse proportion to the rank, 0 is no dependence. The
    slope is Σ cₖ log rateₖ, so that each rate's interval moves it by cₖ times its width.
    """
    x = np.log(list(ways))
    c = (x - x.mean()) / np.square(x - x.mean()).sum()
    lr, low, high = np.log(np.transpose([rates(numbers, way) for way in ways.values()]))
    ends = np.array([c * low, c * high])
    values = c @ lr, ends.min(axis=0).sum(), ends.max(axis=0).sum()
    return tuple(np.round(values, 9).tolist())  # so that equal rates have the slope 0


def habit(numbers):
    """The slope from rank 8 to 32 where α is 2 r."""
    return slope(numbers, {8: LORA, 32: TWICE})


def interval(value, low, high, digits=1):
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(numbers):
    """Each rank at its own rate: that rate as a multiple of full's, the loss, the share of gain."""
    rows = []
    for name in (FULL, *RANKS.values(), TWICE, ATTENTION):
        trained = numbers["ways"][name]["runs"][0]["trained"]
        cells = f"{numbers['ways'][name]['lr']:.2g}", interval(*ratio(numbers, name))
        scores = spread(by_seed(numbers, name, loss), 3), spread(shares(numbers, name))
        rows.append((name, f"{trained:,}", *cells, *scores))
    titles = "", "trained", "best rate", "of full's (interval)", "loss on code", "of full's gain"
    lines = text_table(titles, rows, (24, 9, 11, 24, 18, 17))
    lines.append(f"{seed_count(numbers)}, mean ± standard deviation.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def verdict(numbers):
    """The claims of "LoRA Without Regret", each beside what these runs say."""
    ten, flat, two = ratio(numbers, LORA), slope(numbers, RANKS), habit(numbers)
    full = by_seed(numbers, FULL, loss)
    short = [r for r, way in RANKS.items() if told_apart(by_seed(numbers, way, loss), full)]
    layers = paired(by_seed(numbers, AS_MANY, loss), by_seed(numbers, ATTENTION, loss), 3)
    inside = {True: "inside the interval", False: "outside the interval"}
    return "\n".join(
        [
            f"Ten times full's rate: rank 8 wants {interval(*ten)} times; ten is "
            f"{inside[ten[1] <= 10 <= ten[2]]}.",
            f"Nearly independent of rank: log rate against log rank has the slope "
            f"{interval(*flat, 2)} at alpha 16, and 0 is {inside[flat[1] <= 0 <= flat[2]]}; "
            f"{interval(*two, 2)} from rank 8 to 32 at alpha 2 r, "
            f"where 0 is {inside[two[1] <= 0 <= two[2]]}.",
            f"All layers, at the same trained numbers: loss of rank 2 everywhere less that of "
            f"rank 8 on c_attn, {layers}.",
            "Equal to full below capacity: the loss is told apart from full's at rank "
            f"{', '.join(map(str, short))}."
            if short
            else "Equal to full below capacity: at no rank is the loss told apart from full's.",
        ]
    )


@style()
def figure(numbers):
    """Left: best rate against rank, with its interval; right: the share of full's gain."""
    picture, (left, right) = subplots(1, 2, size=(8, 3.2))
    ranks, lr, low, high = np.transpose([(r, *rates(numbers, w)) for r, w in RANKS.items()])
    left.errorbar(ranks, lr, [lr - low, high - lr], color=COLORS[0], marker="o", capsize=3)
    full, low, high = rates(numbers, FULL)
    left.axhline(full, color="black", linestyle="--", label="full")
    left.axhspan(low, high, color="black", alpha=0.08)
    left.axhline(10 * full, color="black", linestyle=":", label="ten times full's")
    left.set(xscale="log", yscale="log", xlabel="rank", ylabel="best rate")
    each = np.array([shares(numbers, way) for way in RANKS.values()])
    right.plot(ranks, each, "o", color=COLORS[0], markersize=3)
    right.plot(ranks, each.mean(axis=1), color=COLORS[0])
    right.axhline(1, color="black", linestyle="--")
    right.set(xscale="log", xlabel="rank", ylabel="of full's gain on code")
    for axes in (left, right):
        axes.set_xticks(list(RANKS), list(map(str, RANKS)))
        axes.minorticks_off()
    left.legend(fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [
        f"rank {rank}: rate {rates(numbers, way)[0]:.2g}, {shares(numbers, way).mean():.2f} of "
        f"full's gain"
        for rank, way in RANKS.items()
    ]
    full, gained = rates(numbers, FULL)[0], by_seed(numbers, FULL, gain).mean()
    return (
        f"Best rate and share of full's gain against rank. {'; '.join(parts)}. Full: rate "
        f"{full:.2g}, gain {gained:.2f}."
    )
