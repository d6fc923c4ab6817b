"""Figures that several lessons share."""

from statistics import NormalDist

import numpy as np
from matplotlib.patches import Rectangle

from ..analysis.plots import COLORS, MARKERS, style, subplots
from ..quant.nf4 import CODEBOOK, OFFSET, quantize_nf4


@style()
def nf4_figure(weights, block_size=64):
    """How often each NF4 code is used; below, weights / absmax and the density NF4 is made for.

    The bars above are equally wide, one a code; below, each code's number stands at its place.
    Shapes: weights any, with a whole number of blocks.
    """
    blocks = weights.reshape(-1, block_size)
    ratio = blocks / np.abs(blocks).max(axis=1, keepdims=True)
    used = np.bincount(quantize_nf4(blocks, block_size).unpack().ravel(), minlength=16)
    figure, (above, below) = subplots(2, 1, (6.4, 5.2), height_ratios=[1, 1])
    share = 100 * used / used.sum()
    above.bar(range(16), share, width=0.8, color=COLORS[0])
    above.axhline(100 / 16, color="black", linewidth=1, linestyle="--")
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}  # the dashed line stops there
    for code, height in enumerate(share):
        above.text(code, height + 0.25, f"{height:.1f}", ha="center", fontsize=9, bbox=behind)
    above.set(xlabel="code (dashed: 6.25 %, one in sixteen)", ylabel="used for … % of weights")
    above.set(xticks=range(16), xlim=(-0.6, 15.6), ylim=(0, 1.15 * share.max()))
    above.grid(axis="x", visible=False)
    below.hist(
        ratio.ravel(), bins=np.linspace(-1, 1, 81), density=True, color=COLORS[5],
        label="these weights",
    )  # fmt: skip
    at, sigma = np.linspace(-1.06, 1.06, 200), 1 / NormalDist().inv_cdf(OFFSET)
    density = np.exp(-0.5 * (at / sigma) ** 2) / (sigma * np.sqrt(2 * np.pi))
    below.plot(at, density, color=COLORS[1], linestyle="--", label="normal, as NF4 presumes")
    top = below.get_ylim()[1]
    below.plot(CODEBOOK, 0 * CODEBOOK, "|", color="black", markersize=12, markeredgewidth=2)
    for code, value in enumerate(CODEBOOK):
        below.text(value, -0.06 * top, code, ha="center", va="top", fontsize=9)
    below.set(
        xlabel="weight / absmax (black: the sixteen codes)", ylabel="density",
        ylim=(-0.16 * top, top),
    )  # fmt: skip
    below.legend(loc="upper right", fontsize=8)
    return figure


def gpt_map_figure(config):
    """The parts of a GPT of this `GPTConfig`, from bottom to top, and what each does."""
    notes = [
        "which token, at which position",
        "normalizes each row (see below)",
        "queries, keys and values",
        "each token looks back",
        "mixes what the heads took",
        "added to the residual stream",
        "as ln_1",
        "lesson 2's MLP: wider, …",
        "… its nonlinearity, …",
        "… and back",
        "added again",
        "as ln_1",
        "a score for each next token",
    ]
    return map_figure(config, {y: (None, note) for y, note in enumerate(notes)})


def adapter_map_figure(config):
    """Where each fine-tuning method attaches in a GPT of this `GPTConfig`, with all shapes."""
    d, inner = config.n_embd, config.n_inner or 4 * config.n_embd
    lora = {2: (d, 3 * d), 4: (d, d), 7: (d, inner), 9: (inner, d)}  # which box: its weight's shape
    adapter = 3, f"adapter: ({d}, w), gelu, (w, {d})"
    notes = {y: (1, f"LoRA: A ({n_in}, r), B (r, {n_out})") for y, (n_in, n_out) in lora.items()}
    notes |= {
        0: (0, f"prompt tuning: n more rows, (n, {d})"),
        3: (2, f"prefix tuning: n more k, v, (n, {d})"),
        4.55: adapter,  # on the sublayer's output, before the sum
        9.55: adapter,
        12: (4, f"head tuning: its own ({config.vocab_size}, {d})"),
    }
    return map_figure(config, notes)


@style()
def map_figure(config, notes):
    """A GPT's parts from bottom to top, as x flows: embeddings, one of n_layer blocks, the head.

    `notes` are {y: (method or None, text)}; box y stands at height y.
    """
    d, inner, K = config.n_embd, config.n_inner or 4 * config.n_embd, config.vocab_size
    boxes = [
        f"wte ({K}, {d}) + wpe ({config.n_positions}, {d})", "ln_1", f"attn.c_attn  ({d}, {3 * d})",
        f"q, k, v of {config.n_head} heads", f"attn.c_proj  ({d}, {d})", "+", "ln_2",
        f"mlp.c_fc  ({d}, {inner})", "gelu", f"mlp.c_proj  ({inner}, {d})", "+", "ln_f",
        f"lm_head ({K}, {d}), tied to wte",
    ]  # fmt: skip
    figure, axes = subplots(size=(6.4, 6))
    axes.set(xlim=(-1, 9.6), ylim=(-1, len(boxes)))
    axes.axis("off")
    axes.add_patch(Rectangle((-0.9, 0.45), 5.8, 10.1, fill=False, linestyle="--"))
    axes.text(0.9, 10.2, f"one of {config.n_layer} blocks", ha="right", va="center", fontsize=9)
    axes.annotate("", (2.2, 12.9), (2.2, -0.9), arrowprops={"arrowstyle": "->"}, zorder=0)
    for start, end in [(0.6, 5), (5.6, 10)]:  # the residual paths, past each sublayer
        axes.plot([2.2, -0.5, -0.5, 2.2], [start, start, end, end], "k-", linewidth=1, zorder=0)
    for y, text in enumerate(boxes):
        box = {"boxstyle": "circle" if text == "+" else "round", "facecolor": "#eeeeee"}
        axes.text(2.2, y, text, ha="center", va="center", fontsize=9, bbox=box)
    for y, (method, text) in notes.items():
        if method is not None:
            axes.plot([2.2, 5.2], [y, y], color=COLORS[method], linestyle="-", zorder=0)
            axes.plot(5.2, y, color=COLORS[method], marker=MARKERS[method], markersize=8)
        axes.text(5.45, y, text, va="center", fontsize=9)
    return figure


@style()
def nano_figure(names, lines):
    """nano.py as a strip of its sections, and beside it the way of a batch through them.

    `names` of sections 1 to 8; `lines` of the head and of each section.
    """
    figure, (strip, flow) = subplots(1, 2, (7.2, 6.4), width_ratios=[1, 2.1])
    colors = ["#eeeeee", *COLORS, "#bbbbbb", "white"]
    top = 0
    for color, count, name in zip(colors, lines, ["head", *names]):
        strip.bar(0, count, bottom=top, color=color, edgecolor="black", width=1)
        strip.text(0.6, top + count / 2, name, va="center", fontsize=9)
        top += count
    strip.set(xlim=(-0.5, 3.6), ylim=(top, 0), ylabel="line of nano.py", xticks=[])
    strip.grid(False)
    strip.spines["bottom"].set_visible(False)
    way_of_a_batch(flow, colors)
    return figure


def way_of_a_batch(axes, colors):
    """Boxes with the numbers of nano.py's sections; dashed: where gradients go."""
    axes.set(xlim=(0, 9.8), ylim=(-0.6, 12.4))
    axes.axis("off")

    def box(x, y, section, text):
        edge = colors[section] if section < 8 else "black"
        axes.text(
            x, y, f"{section}  {text}", ha="center", va="center", fontsize=9,
            bbox={"boxstyle": "round", "facecolor": "white", "linewidth": 2.5, "edgecolor": edge},
        )  # fmt: skip

    def arrow(start, end, style="-", label="", at=(0, 0)):
        arrowprops = {"arrowstyle": "->", "linestyle": style}
        axes.annotate("", end, start, zorder=0, arrowprops=arrowprops)
        axes.text(*at, label, fontsize=9, ha="center", va="center")

    branches = [
        (4, "LayerNorm"), (3, "QLoRALinear"), (4, "Attention"), (3, "QLoRALinear"),
        (4, "LayerNorm"), (3, "QLoRALinear"), (4, "GELU"), (3, "QLoRALinear"),
    ]  # fmt: skip
    ends = (4, "ln_f, wteᵀ"), (5, "cross_entropy")
    arrow((3, 0.3), (3, 10.6))
    for y, (section, text) in enumerate([(7, "windows"), (4, "wte + wpe"), *branches, *ends]):
        box(3, y, section, text)
    for bottom in (1.5, 5.5):  # the residual paths, past each branch
        x, y = [3, 0.8, 0.8, 3], [bottom, bottom, bottom + 4, bottom + 4]
        axes.plot(x, y, "k-", linewidth=1, zorder=0)
        axes.text(2.7, bottom + 4, "+", ha="right", va="bottom")
    axes.text(0.3, 5.5, "in each of 4 transformer blocks", rotation=90, va="center", fontsize=9)
    box(8, 0.5, 1, "read_safetensors")
    box(8, 3, 2, "quantize_nf4")
    box(8.2, 7, 6, "AdamW")
    arrow((8, 0.9), (8, 2.6), label="W", at=(8.4, 1.75))
    arrow((6.3, 3), (4.5, 3), label="4 bits", at=(6, 3.35))
    axes.plot([4.6, 5.4, 5.4], [11, 11, 10], "k--", linewidth=1.2, zorder=0)
    arrow((5.4, 10.1), (5.4, 3.6), "--", "dx, down through\neach backward", (7.5, 9.5))
    arrow((5.4, 7.2), (7.3, 7.1), "--", "dA, dB", (6.3, 7.5))
    arrow((7.8, 6.6), (4.5, 5.05), label="steps\nA and B", at=(7.4, 5.3))
    axes.text(4.9, 12.1, "8  the loop: all of this for each batch", ha="center", fontsize=9.5)
