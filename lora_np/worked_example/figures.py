"""The 3×2 example as pictures: W, s·ΔW and W' side by side, and the rank wall."""

import numpy as np
from matplotlib.figure import Figure

from ..analysis.plots import COLORS, MARKERS, heatmap, style, subplots


@style()
def worked_example_figure(n):
    """W, s·ΔW and W' on one scale; below, y of the base, of the adapted layer, and the target.

    `n` is what `worked_example.run()` returns.
    """
    figure = Figure(figsize=(6.4, 4.6), layout="constrained")
    grid = figure.add_gridspec(2, 3, height_ratios=[3, 2])
    delta = n["scale"] * n["delta_W"]
    largest = max(np.abs(n["W"]).max(), np.abs(n["W_new"]).max())
    parts = [(n["W"], "W (frozen)"), (delta, "s·ΔW = s·A·B"), (n["W_new"], "W′ = W + s·ΔW")]
    for column, (values, title) in enumerate(parts):
        heatmap(figure.add_subplot(grid[0, column]), values, largest, title)
    axes = figure.add_subplot(grid[1, :])
    bars = [
        (n["y"], "xW (base)", ""),
        (n["y_adapter"], "xW′ (adapted)", "//"),
        (n["target"], "target t", ".."),
    ]
    for k, (y, label, hatch) in enumerate(bars):
        positions = np.arange(2) + 0.26 * (k - 1)
        axes.bar(
            positions, y.ravel(), 0.24, color=COLORS[k], hatch=hatch, label=label, edgecolor="white"
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks([0, 1], ["y₁", "y₂"])
    axes.set_ylabel("output (no unit)")
    axes.legend(loc="upper right")
    return figure


@style()
def rank_wall_figure(n, steps=60):
    """Loss against step for two tokens that need a change of rank 2, with LoRA of rank 1 and 2."""
    wall = n["rank_wall"]
    figure, axes = subplots()
    for k, rank in enumerate((1, 2)):
        axes.semilogy(
            wall[f"rank_{rank}"][: steps + 1], label=f"rank {rank}", marker=MARKERS[k], markevery=10
        )
    axes.axhline(wall["floor"], color="black", linewidth=1, linestyle=(0, (2, 2)))
    axes.text(steps, wall["floor"] * 1.8, "½σ₂²: what rank 1 cannot reach", ha="right")
    axes.set(xlabel="step of gradient descent", ylabel="loss ½|y − t|²", ylim=(1e-6, 0.1))
    axes.legend(loc="lower left")
    return figure
