"""How much of full fine-tuning's change does the loss need? ΔW cut to its first k directions.

Aghajanyan et al. 2021 (arXiv 2012.13255) and LoRA (§7.3) hold that few directions suffice. Each
block's ΔW is replaced by its best fit of rank k (Eckart & Young 1936), with what else full
fine-tuning moved, embeddings, norms and biases, left as trained: k = 0 is those alone. LoRA of
rank k stands beside it: trained as such, and without the rest.

What lies beyond k here is of a full fine-tune that was never asked to do with k directions; that a
cut costs loss does not say that rank k could not be learnt.
"""

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from .common import caveat, paired, seed_count, spread, text_table
from .methods_text import FULL, forgotten, gain, run, shares
from .real_text import PROSE, TEST
from .regret import RANKS

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

ENOUGH = 0.95  # of the gain


def kept(numbers):
    """({k: (seeds,) share of full's gain}, {k: (seeds,) share of its forgetting}), k ascending."""
    runs = numbers["ways"][FULL]["runs"]
    ks = list(runs[0]["truncations"])
    gains, lost = {}, {}
    for k in ks:
        cut = [
            {"base": run["base"], "after": run["truncations"][k]} for run in runs
        ]  # what `gain` and `forgotten` read
        gains[int(k)] = np.array([gain(c) / gain(r) for c, r in zip(cut, runs)])
        lost[int(k)] = np.array([forgotten(c) / forgotten(r) for c, r in zip(cut, runs)])
    return gains, lost


def enough(numbers):
    """(seeds,): the fewest directions that keep ENOUGH of full's gain; infinite if none does."""
    gains, _ = kept(numbers)
    each = [np.where(share >= ENOUGH, k, np.inf) for k, share in gains.items()]
    return np.min(each, axis=0)


def table(numbers):
    """Per k: the loss on code and on prose, the share of the gain, beside LoRA of that rank."""
    runs, (gains, lost) = numbers["ways"][FULL]["runs"], kept(numbers)
    rows = []
    for k, share in gains.items():
        cells = [
            spread([run["truncations"][str(k)][name] for run in runs], 3) for name in (TEST, PROSE)
        ]
        lora = spread(shares(numbers, RANKS[k])) if k in RANKS else ""
        rows.append((f"k = {k}", *cells, spread(share), spread(lost[k]), lora))
    whole = [spread([run["after"][name] for run in runs], 3) for name in (TEST, PROSE)]
    rows.append(("all of it", *whole, "1", "1", ""))
    titles = "", "loss on code", "on prose", "of the gain", "of the forgetting", "LoRA r k, gain"
    lines = text_table(titles, rows, (10, 17, 17, 15, 19, 17))
    lines.append(f"{seed_count(numbers)}, mean ± standard deviation.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}: LoRA's share of the gain less that of the cut."""
    gains, _ = kept(numbers)
    return {
        f"share of the gain: LoRA r {k} less full cut to {k}": (
            shares(numbers, way) - gains[k]
        ).tolist()
        for k, way in RANKS.items()
    }


def verdict(numbers):
    """How many directions keep ENOUGH of the gain, and what the same rank gains as LoRA."""
    gains, _ = kept(numbers)
    few = enough(numbers)
    most = f"{max(gains)} do not" if np.isinf(few).any() else f"{few.min():.0f} to {few.max():.0f}"
    lines = [
        f"Directions of each layer that keep {100 * ENOUGH:.0f} % of full's gain: {most}, "
        f"of a full rank of 128. Without any, {gains[0].mean():.2f} of the gain is left."
    ]
    for k, way in RANKS.items():
        if k in gains:
            lines.append(
                f"LoRA trained at rank {k}, less full's change cut to {k} (share of the gain): "
                f"{paired(shares(numbers, way), gains[k])}."
            )
    ranks = [
        max(run["spectrum"]["rank for 90 %"].values()) for run in numbers["ways"][FULL]["runs"]
    ]
    lines.append(f"90 % of a layer's squared ΔW takes up to {max(ranks)} directions.")
    return "\n".join(lines)


@style()
def figure(numbers):
    """The share of full's gain that is left with k directions, and LoRA's at that rank."""
    picture, axes = subplots(size=(5.6, 3.2))
    gains, lost = kept(numbers)
    at = np.arange(len(gains))
    for k, (name, each) in enumerate((("gain on code", gains), ("prose forgotten", lost))):
        values = np.array(list(each.values()))  # (k, seeds)
        axes.plot(at, values.mean(axis=1), "-" if k == 0 else "--", color=COLORS[k], label=name)
        axes.plot(at, values, "o", color=COLORS[k], markersize=3)
    ranks = [k for k in gains if k in RANKS]
    lora = [shares(numbers, RANKS[k]).mean() for k in ranks]
    axes.plot([list(gains).index(k) for k in ranks], lora, "s", color=COLORS[2], label="LoRA, gain")
    axes.axhline(1, color="black", linewidth=1)
    axes.set_xticks(at, list(gains))
    axes.set(xlabel="directions of ΔW kept", ylabel="share of full fine-tuning's")
    axes.legend(fontsize=8)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    gains, lost = kept(numbers)
    parts = [f"{k}: {gains[k].mean():.2f} and {lost[k].mean():.2f}" for k in gains]
    return (
        "Share of full fine-tuning's gain on code, and of its forgetting, with ΔW cut to k "
        f"directions. {'; '.join(parts)}. LoRA: "
        + "; ".join(f"r {k} {shares(numbers, way).mean():.2f}" for k, way in RANKS.items())
        + "."
    )
