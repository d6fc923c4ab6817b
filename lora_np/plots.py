"""Figures: one look for all, alternative text for readers who cannot see them."""

import base64
import io
import pathlib
from html import escape
from statistics import NormalDist

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from .files import whole_file
from .quant.nf4 import CODEBOOK, MIDPOINTS, OFFSET, quantize_nf4

# Okabe and Ito's colour-blind-safe palette, the six that stay apart on white; the line styles and
# markers tell the curves apart without any colour.
COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
DASHES = ["-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1))]
MARKERS = ["o", "s", "^", "D", "v", "P"]
STYLE = {
    "figure.facecolor": "white", "axes.facecolor": "white", "savefig.facecolor": "white",
    "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True,
    "font.size": 10, "axes.titlesize": 11, "legend.frameon": False, "lines.linewidth": 1.8,
    "axes.prop_cycle": matplotlib.cycler(color=COLORS) + matplotlib.cycler(linestyle=DASHES),
}  # fmt: skip


def style():
    """The project's look, for `with style():` and, as a decorator, `@style()`."""
    return matplotlib.rc_context(STYLE)


@style()
def subplots(rows=1, columns=1, size=(5, 3), **options):
    """(figure, axes) in the project's style; independent of pyplot, so nothing stays open."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, **options)


@style()
def png(figure, dpi=110):
    """The figure as PNG bytes, the same bytes for the same figure."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def save(figure, path):
    """Write the figure to `path`, whole or not at all; the ending names the format.

    Raises: ValueError for an ending that matplotlib cannot write, OSError as the file system does.
    """
    ending = pathlib.Path(path).suffix.lstrip(".").lower()
    if ending not in figure.canvas.get_supported_filetypes():
        raise ValueError(f"unknown image format {ending!r}; try .png, .svg or .pdf")
    with whole_file(path) as temporary, style():
        figure.savefig(temporary, format=ending, dpi=150)


class Picture:
    """A figure with alternative text: front ends show an <img alt=…>, everything else the text."""

    def __init__(self, figure, alt):
        self.figure, self.alt = figure, alt

    def _repr_html_(self):
        data = base64.b64encode(png(self.figure)).decode()
        return (
            f'<img alt="{escape(self.alt)}" src="data:image/png;base64,{data}" '
            'style="max-width:100%;height:auto;background:white">'
        )

    def __repr__(self):
        return f"[figure: {self.alt}]"


def heatmap(axes, values, largest, title, digits=3):
    """An annotated matrix on a diverging scale from −largest to largest."""
    values = np.atleast_2d(values)
    axes.imshow(values, cmap="PuOr_r", vmin=-largest, vmax=largest, aspect="auto")
    axes.grid(False)
    axes.set_title(title)
    axes.set_xticks(range(values.shape[1]), [f"out {j + 1}" for j in range(values.shape[1])])
    axes.set_yticks(range(values.shape[0]), [f"in {i + 1}" for i in range(values.shape[0])])
    for (i, j), value in np.ndenumerate(values):
        ink = "white" if abs(value) > 0.5 * largest else "black"
        axes.text(j, i, f"{value:.{digits}f}", ha="center", va="center", color=ink)


@style()
def nf4_figure(weights, block_size=64):
    """How often each NF4 code is used; below, weights / absmax and the density NF4 is made for.

    Shapes: weights any, with a whole number of blocks.
    """
    blocks = weights.reshape(-1, block_size)
    ratio = blocks / np.abs(blocks).max(axis=1, keepdims=True)
    share = np.bincount(quantize_nf4(blocks, block_size).unpack().ravel(), minlength=16)
    edges = np.concatenate([[-1.06], MIDPOINTS, [1.06]])
    figure, (above, below) = subplots(2, 1, (6.4, 4.8), sharex=True, height_ratios=[2, 3])
    above.bar(edges[:-1], 100 * share / share.sum(), np.diff(edges), align="edge",
              color=COLORS[0], edgecolor="white")  # fmt: skip
    above.axhline(100 / 16, color="black", linewidth=1, linestyle="--")
    above.set(ylabel="code used (%)")
    for k in range(0, 16, 2):
        below.axvspan(edges[k], edges[k + 1], color="#eeeeee")
    below.hist(ratio.ravel(), bins=np.linspace(-1, 1, 81), density=True, color=COLORS[5],
               label="weight / absmax")  # fmt: skip
    at, sigma = np.linspace(-1.06, 1.06, 200), 1 / NormalDist().inv_cdf(OFFSET)
    density = np.exp(-0.5 * (at / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    below.plot(at, density, color=COLORS[1], linestyle="--", label="normal, as NF4 presumes")
    below.plot(CODEBOOK, 0 * CODEBOOK, "|", color="black", markersize=14, markeredgewidth=2)
    below.set(xlabel="weight / absmax; black: the codes; stripes: what rounds to each",
              ylabel="density")  # fmt: skip
    below.legend(loc="upper right", fontsize=8)
    return figure


@style()
def adapter_map_figure(config):
    """Where each fine-tuning method attaches in a GPT of this `GPTConfig`, with all shapes.

    From bottom to top, as x flows: embeddings, one block of n_layer, the head.
    """
    d, inner, K = config.n_embd, config.n_inner or 4 * config.n_embd, config.vocab_size

    def linear(name, n_in, n_out):
        return f"{name}  ({n_in}, {n_out})", 1, f"LoRA: A ({n_in}, r), B (r, {n_out})"

    adapter = ("+", 3, f"bottleneck adapter: ({d}, m), bend, (m, {d})")
    parts = [  # (text, the method that attaches there, what it adds), bottom first
        (f"wte ({K}, {d}) + wpe ({config.n_positions}, {d})", 0,
         f"prompt tuning: n more rows, (n, {d})"),
        ("ln_1", None, ""), linear("attn.c_attn", d, 3 * d),
        (f"q, k, v of {config.n_head} heads", 2, f"prefix tuning: n more k and v, (n, {d}) each"),
        linear("attn.c_proj", d, d), adapter, ("ln_2", None, ""), linear("mlp.c_fc", d, inner),
        ("gelu", None, ""), linear("mlp.c_proj", inner, d), adapter, ("ln_f", None, ""),
        (f"lm_head ({K}, {d}), tied to wte", 4, f"head tuning: its own (classes, {d})"),
    ]  # fmt: skip
    figure, axes = subplots(size=(7.2, 6.6))
    axes.set(xlim=(-1, 10.2), ylim=(-1, len(parts)))
    axes.axis("off")
    axes.add_patch(Rectangle((-0.9, 0.45), 6, 10.1, fill=False, linestyle="--"))
    axes.text(0.9, 10.2, f"one of {config.n_layer} blocks", ha="right", va="center", fontsize=8.5)
    axes.annotate("", (2.2, 12.9), (2.2, -0.9), arrowprops={"arrowstyle": "->"}, zorder=0)
    for start, end in [(0.6, 5), (5.6, 10)]:  # the residual paths, past each sublayer
        axes.plot([2.2, -0.5, -0.5, 2.2], [start, start, end, end], "k-", linewidth=1, zorder=0)
    for y, (text, method, adds) in enumerate(parts):
        box = {"boxstyle": "circle" if text == "+" else "round", "facecolor": "#eeeeee"}
        axes.text(2.2, y, text, ha="center", va="center", fontsize=8.5, bbox=box)
        if method is not None:
            y -= 0.45 * (text == "+")  # an adapter acts on the sublayer's output, before the sum
            axes.plot([2.2, 5.5], [y, y], color=COLORS[method], linestyle="-", zorder=0)
            axes.plot(5.5, y, color=COLORS[method], marker=MARKERS[method], markersize=8)
            axes.text(5.8, y, adds, va="center", fontsize=8.5)
    return figure


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
    bars = [(n["y"], "xW (base)", ""), (n["y_adapter"], "xW′ (adapted)", "//"),
            (n["target"], "target t", "..")]  # fmt: skip
    for k, (y, label, hatch) in enumerate(bars):
        positions = np.arange(2) + 0.26 * (k - 1)
        axes.bar(positions, y.ravel(), 0.24, color=COLORS[k], hatch=hatch, label=label,
                 edgecolor="white")  # fmt: skip
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
        axes.semilogy(wall[f"rank_{rank}"][: steps + 1], label=f"rank {rank}", marker=MARKERS[k],
                      markevery=10)  # fmt: skip
    axes.axhline(wall["floor"], color="black", linewidth=1, linestyle=(0, (2, 2)))
    axes.text(steps, wall["floor"] * 1.8, "½σ₂²: what rank 1 cannot reach", ha="right")
    axes.set(xlabel="step of gradient descent", ylabel="loss ½|y − t|²", ylim=(1e-6, 0.1))
    axes.legend(loc="lower left")
    return figure


@style()
def history_picture(history, title):
    """The training loss, smoothed over a fiftieth of the run, and every held-out loss."""
    figure, axes = subplots()
    losses = np.asarray(history.losses)
    width = max(1, len(losses) // 50)
    smooth = np.convolve(losses, np.ones(width) / width, mode="valid")
    axes.plot(np.arange(len(smooth)) + width, smooth, label="training, smoothed", linewidth=1)
    said = [f"training loss {smooth[0]:.2f} to {smooth[-1]:.2f}"]
    names = sorted({name for e in history.evaluations for name in e} - {"step"})
    for name, marker in zip(names, MARKERS):
        steps, values = history.curve(name)
        axes.plot(steps, values, marker=marker, label=f"held-out {name}")
        said.append(f"held-out {name} {values[0]:.2f} to {values[-1]:.2f}")
    axes.set(xlabel="step", ylabel="loss (nats a byte)", title=title)
    axes.legend()
    return Picture(figure, f"{title}: over {len(losses)} steps, {', '.join(said)}.")
