"""Is LoRA's best rate ten times full fine-tuning's, whatever the rank, and what does rank buy?

"LoRA Without Regret" (Schulman et al. 2025, Thinking Machines Lab) says so of ΔW = (α/r)·A·B with
one α for all ranks, and that all layers beat attention alone at the same trained numbers, and that
LoRA equals full fine-tuning while its capacity is not full. Here r 1, 2, 8 and 32 keep α = 16, each
at its own rate. The habit is another, α = 2 r: the sum over r terms is then not divided by r.

Why it may differ: the model is 128 wide and reads for 56 steps (they report about 15 times for runs
so short), no rate is known better than to its neighbours in the search, and rank 32 is a quarter of
full rank.
"""

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from .common import caveat, look, paired, seed_count, spread, text_table
from .methods_text import FULL, LORA, gain, run, shares
from .protocol import by_seed
from .real_text import TEST

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

RANKS = {rank: f"LoRA r {rank}, everywhere" for rank in (1, 2, 8, 32)}
HABIT = {1: "LoRA r 1, alpha 2", 8: LORA, 32: "LoRA r 32, alpha 64"}  # alpha is 2 r
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


def interval(value, low, high, digits=1):
    return f"{value:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def table(numbers):
    """Each rank at its own rate: that rate as a multiple of full's, the loss, the share of gain."""
    rows = []
    for name in (FULL, *RANKS.values(), HABIT[1], HABIT[32], ATTENTION):
        trained = numbers["ways"][name]["runs"][0]["trained"]
        cells = f"{numbers['ways'][name]['lr']:.2g}", interval(*ratio(numbers, name))
        scores = spread(by_seed(numbers, name, loss), 3), spread(shares(numbers, name))
        rows.append((name, f"{trained:,}", *cells, *scores))
    titles = "", "trained", "best rate", "of full's (interval)", "loss on code", "of full's gain"
    lines = text_table(titles, rows, (24, 9, 11, 24, 18, 17))
    lines.append(f"{seed_count(numbers)}, mean ± standard deviation.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}: layers at the same trained numbers, and ranks."""

    def less(one, other):
        return (by_seed(numbers, one, loss) - by_seed(numbers, other, loss)).tolist()

    layers = {f"loss: {AS_MANY} less {ATTENTION}": less(AS_MANY, ATTENTION)}
    return layers | {f"loss: {way} less full": less(way, FULL) for way in RANKS.values()}


def verdict(numbers):
    """The claims of "LoRA Without Regret", each beside what these runs say."""
    ten, flat, two = ratio(numbers, LORA), slope(numbers, RANKS), slope(numbers, HABIT)
    full = by_seed(numbers, FULL, loss)
    layers = paired(by_seed(numbers, AS_MANY, loss), by_seed(numbers, ATTENTION, loss), 3)
    lines = [
        f"Ten times full's rate: rank 8 wants {interval(*ten)} times; {within(10, ten)}.",
        "Nearly independent of rank: the slope of log rate on log rank is "
        f"{interval(*flat, 2)} with one alpha, {within(0, flat)}; "
        f"{interval(*two, 2)} with alpha 2 r, {within(0, two)}.",
        "All layers, at the same trained numbers: loss of rank 2 everywhere less that of rank 8 on "
        f"c_attn, {layers}.",
        "Equal to full below capacity: loss less full's, "
        + "; ".join(
            f"rank {rank} {paired(by_seed(numbers, way, loss), full, 3)}"
            for rank, way in RANKS.items()
        )
        + ".",
    ]
    return "\n".join(lines)


def within(claimed, found):
    """Where a claimed number lies beside (value, smallest, largest)."""
    _, low, high = found
    return f"{claimed} is {'inside' if low <= claimed <= high else 'outside'} the interval"


@style()
def figure(numbers):
    """Left: best rate against rank, with its interval; right: the share of full's gain."""
    picture, (left, right) = subplots(1, 2, size=(8, 3.2))
    for k, (name, ways) in enumerate({"alpha 16": RANKS, "alpha 2 r": HABIT}.items()):
        ranks, lr, low, high = np.transpose([(r, *rates(numbers, w)) for r, w in ways.items()])
        drawn = look(k) | {"capsize": 3, "linewidth": 1, "label": name}
        left.errorbar(ranks * (1 + 0.05 * k), lr, [lr - low, high - lr], **drawn)
    full, low, high = rates(numbers, FULL)
    left.axhline(full, color="black", linestyle="--", label="full")
    left.axhspan(low, high, color="black", alpha=0.08)
    left.axhline(10 * full, color="black", linestyle=":", label="ten times full's")
    left.set(xscale="log", yscale="log", xlabel="rank", ylabel="best rate")
    each = np.array([shares(numbers, way) for way in RANKS.values()])
    right.plot(list(RANKS), each, "o", color=COLORS[0], markersize=3)
    right.plot(list(RANKS), each.mean(axis=1), color=COLORS[0])
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
