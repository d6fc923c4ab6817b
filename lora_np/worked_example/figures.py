"""The 3×2 example as pictures: LoRA's two paths, its matrices side by side, the rank wall."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ..analysis.plots import COLORS, MARKERS, heatmap, style, subplots


@style()
def two_paths_figure():
    """From x to y by two paths: through the frozen W, and through A and B beside it; they add."""
    figure, axes = subplots(size=(6.4, 2.9))
    axes.set(xlim=(0, 10), ylim=(0, 4.4))
    axes.axis("off")
    frozen, trained = ("#dddddd", "-", 1), ("white", "--", 2)  # told apart without colour
    boxes = [
        (4.7, 3.1, 3.6, "W  (in, out)\nfrozen", frozen),
        (3.3, 1.0, 1.9, "A  (in, r)\ntrained", trained),
        (6.1, 1.0, 1.9, "B  (r, out)\ntrained", trained),
    ]
    for x, y, width, text, (face, dash, thick) in boxes:
        edge = COLORS[1] if thick == 2 else "black"
        axes.add_patch(
            Rectangle(
                (x - width / 2, y - 0.6), width, 1.2, facecolor=face, edgecolor=edge,
                linestyle=dash, linewidth=thick,
            )
        )  # fmt: skip
        axes.text(x, y, text, ha="center", va="center", fontsize=11)
    arrows = [
        ((0.8, 2.1), (2.9, 3.1)), ((0.8, 2.0), (2.35, 1.0)), ((4.25, 1.0), (5.15, 1.0)),
        ((7.05, 1.0), (8.22, 1.93)), ((6.5, 3.1), (8.22, 2.17)), ((8.68, 2.05), (9.4, 2.05)),
    ]  # fmt: skip
    for start, end in arrows:
        axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "linewidth": 1.4})
    circle = {"boxstyle": "circle", "facecolor": "white"}
    axes.text(8.45, 2.05, "+", ha="center", va="center", fontsize=13, bbox=circle)
    axes.text(0.5, 2.05, "x", ha="center", va="center", fontsize=15)
    axes.text(9.65, 2.05, "y", ha="center", va="center", fontsize=15)
    axes.text(4.7, 1.15, "u", ha="center", va="bottom", fontsize=11)
    axes.text(7.95, 1.2, "× s", ha="center", va="center", fontsize=11)
    return figure


@style()
def worked_example_figure(n):
    """W, the strips A and B with s·A·B between them, and W'; below, y of base, adapted, target.

    `n` is what `worked_example.run()` returns.
    """
    figure = Figure(figsize=(6.4, 5), layout="constrained")
    grid = figure.add_gridspec(
        3, 4, height_ratios=[1, 3, 2.4], width_ratios=[2, 1, 2, 2]
    )  # fmt: skip
    delta = n["scale"] * n["A"] @ n["B"]
    largest = max(np.abs(part).max() for part in (n["W"], n["W_new"], n["A"], n["B"]))
    parts = [
        (grid[0:2, 0], n["W"], "W (frozen)"),
        (grid[1, 1], n["A"], "A"),
        (grid[0, 2], n["B"], "B"),
        (grid[1, 2], delta, f"s·A·B, s = {n['scale']:g}"),
        (grid[0:2, 3], n["W_new"], "W′ = W + s·A·B"),
    ]
    for place, values, title in parts:
        axes = figure.add_subplot(place)
        heatmap(axes, values, largest, title, digits=2)
        axes.set(xticks=[], yticks=[])
    axes = figure.add_subplot(grid[2, :])
    bars = [
        (n["y"], "xW (base)", ""),
        (n["y_adapter"], "xW′ (adapted)", "//"),
        (n["target"], "target t", ".."),
    ]
    for k, (y, label, hatch) in enumerate(bars):
        positions = np.arange(2) + 0.26 * (k - 1)
        drawn = axes.bar(
            positions, y.ravel(), 0.24, color=COLORS[k], hatch=hatch, label=label, edgecolor="white"
        )
        axes.bar_label(drawn, fmt="%.2f", fontsize=9, padding=2)
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_xticks([0, 1], ["y₁", "y₂"])
    axes.set(ylabel="output (no unit)")
    axes.margins(y=0.25)
    axes.legend(loc="upper right")
    return figure


@style()
def rank_wall_figure(n, steps=60):
    """Loss against step for two tokens that need a change of rank 2, with LoRA of rank 1 and 2."""
    wall = n["rank_wall"]
    figure, axes = subplots()
    for k, rank in enumerate((1, 2)):
        axes.semilogy(
            wall[f"rank_{rank}"][: steps + 1],
            label=f"LoRA, r = {rank}",
            marker=MARKERS[k],
            markevery=10,
        )
    axes.axhline(wall["floor"], color="black", linewidth=1, linestyle=(0, (2, 2)))
    axes.text(
        steps, wall["floor"] * 1.6, f"{wall['floor']:.4f}: below this rank 1 cannot go", ha="right"
    )
    axes.set(xlabel="step of gradient descent", ylabel="loss ½|y − t|²", ylim=(1e-6, 0.1))
    axes.legend(loc="lower left")
    return figure
