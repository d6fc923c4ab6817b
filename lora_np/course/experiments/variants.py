"""Does a variant of LoRA end better than LoRA once each has its own rate?

"Learning rate matters" (Lee et al. 2026, arXiv 2602.04998): tuned, nine variants end within 1 to
2 % of LoRA, in the score on tasks. Here QLoRA, DoRA, a PiSSA start and LoRA+, each at rank 8 on all
layers with as many tuning runs as LoRA had. The measure is the loss on held-out code; since even
the untrained base is not many per cent away, the same is also shown as a share of LoRA's gain.

Why it may differ: short runs of a narrow model; a variant's better start counts more in 56 steps.
"""

import numpy as np

from ...analysis.plots import COLORS, style, subplots
from .common import caveat, paired, seed_count, spread, text_table, told_apart
from .methods_text import LORA, gain, run
from .protocol import by_seed
from .regret import loss

__all__ = ["alt_text", "claims", "figure", "run", "table", "verdict"]

VARIANTS = [f"{name} r 8, everywhere" for name in ("QLoRA", "DoRA", "PiSSA", "LoRA+")]
CLAIM = 2.0  # per cent


def per_cent(numbers, way):
    """(seeds,): how far the variant's loss lies above LoRA's, in per cent of LoRA's."""
    return 100 * (by_seed(numbers, way, loss) / by_seed(numbers, LORA, loss) - 1)


def of_gain(numbers, way):
    """(seeds,): what the variant gained beyond LoRA, in per cent of LoRA's gain."""
    return 100 * (by_seed(numbers, way, gain) / by_seed(numbers, LORA, gain) - 1)


def table(numbers):
    """Each variant's rate, loss, difference from LoRA by the seeds' pairs, and a step's time."""
    rows, lora_ms = [], by_seed(numbers, LORA, "cpu_ms").min()
    for name in (LORA, *VARIANTS):
        cells = [f"{numbers['ways'][name]['lr']:.2g}", spread(by_seed(numbers, name, loss), 4)]
        cells += ["", ""] if name == LORA else [
            f"{per_cent(numbers, name).mean():+.2f} %", f"{of_gain(numbers, name).mean():+.1f} %"
        ]  # fmt: skip
        cells.append(f"{by_seed(numbers, name, 'cpu_ms').min() / lora_ms:.2f}")
        rows.append((name, *cells))
    titles = "", "rate", "loss on code", "loss", "gain", "step"
    lines = text_table(titles, rows, (24, 9, 18, 11, 11, 8))
    lines.append(f"Loss, gain and step beside LoRA's; {seed_count(numbers)}.\n{verdict(numbers)}")
    return "\n".join(lines) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}: each variant's loss less LoRA's."""
    return {f"loss (%): {name} less LoRA": per_cent(numbers, name).tolist() for name in VARIANTS}


def verdict(numbers):
    """Whether all lie within the claim's per cent, and which is told apart from LoRA at all."""
    means = {name: per_cent(numbers, name).mean() for name in VARIANTS}
    far = max(means, key=lambda name: abs(means[name]))
    holds = "holds" if abs(means[far]) <= CLAIM else "does not hold"
    lines = [f"Within {CLAIM:g} % of LoRA's loss: {holds} (farthest {far}, {means[far]:+.2f} %)."]
    zero = np.zeros(numbers["seeds"])
    for name in VARIANTS:
        d = per_cent(numbers, name)
        if told_apart(d, zero):
            lines.append(f"{name}, loss less LoRA's in per cent: {paired(d, zero)}.")
    if len(lines) == 1:
        lines.append("None is told apart from LoRA.")
    return "\n".join(lines)


@style()
def figure(numbers):
    """The loss of each variant beside LoRA's, a dot a seed, and the claim's band."""
    picture, axes = subplots(size=(6, 2.8))
    for k, name in enumerate(VARIANTS):
        d = per_cent(numbers, name)
        axes.plot(d, np.full(len(d), k), "o", color=COLORS[k], markersize=4)
        axes.plot(d.mean(), k, "|", color=COLORS[k], markersize=18)
    axes.axvspan(-CLAIM, CLAIM, color="black", alpha=0.08)
    axes.axvline(0, color="black", linewidth=1)
    axes.set_yticks(range(len(VARIANTS)), VARIANTS)
    axes.set(xlabel="loss on code beside LoRA's (%)", ylim=(len(VARIANTS) - 0.5, -0.5))
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = [f"{name} {per_cent(numbers, name).mean():+.2f} %" for name in VARIANTS]
    return f"Loss on code of each variant beside LoRA's, a dot a seed: {'; '.join(parts)}."
