"""The two pictures on the cheat sheet."""

from matplotlib.patches import Rectangle
from sheet_layout import ACCENT, FAINT, INK, SMALLEST
from sheet_numbers import N_IN, N_OUT, minus, percent

from lora_np import LoRA
from lora_np.analysis.plots import COLORS
from lora_np.quant.nf4 import CODEBOOK


def shapes_picture(page):
    """W beside A and B as areas: what is frozen is large, what learns is thin."""
    x, y, high, wide, rank = page.left + 18, page.y + 16, 46, 76, 9
    frozen = {"facecolor": "#dddddd", "edgecolor": INK, "linewidth": 0.8}
    trained = {"facecolor": "white", "edgecolor": COLORS[1], "linewidth": 1.3, "linestyle": "--"}
    page.axes.add_patch(Rectangle((x, y), wide, high, **frozen))
    page.write(x + wide / 2, y + high / 2, "$W$  frozen", 9, align="center")
    page.write(x + wide / 2, y - 4, "out", SMALLEST + 0.4, FAINT, "center")
    page.write(x - 5, y + high / 2 + 2, "in", SMALLEST + 0.4, FAINT, "right")
    page.write(x + wide + 21, y + high / 2 + 3, r"$+\;s\,\cdot$", 10, align="center")
    a = x + wide + 44
    page.axes.add_patch(Rectangle((a, y), rank, high, **trained))
    page.axes.add_patch(Rectangle((a + 20, y), wide, rank, **trained))
    page.write(a + rank / 2, y - 4, "r", SMALLEST + 0.4, FAINT, "center")
    page.write(a + rank / 2, y + high / 2 + 3, "$A$", 9, align="center")
    page.write(a + 20 + wide / 2, y + 7.2, "$B$", 9, align="center")
    page.write(a + 20 + wide / 2, y - 4, "out", SMALLEST + 0.4, FAINT, "center")
    page.write(a + 20, y + 24, "trained: $r\\,(in + out)$ numbers", 8.2)
    share = percent(LoRA().rank * (N_IN + N_OUT) / (N_IN * N_OUT))
    page.write(a + 20, y + 35, f"{N_IN} × {N_OUT}, r {LoRA().rank}: {share}", 8.2, FAINT)
    page.y = y + high + 3


def codebook_picture(page):
    """The sixteen numbers in their places, and each in digits with its code."""
    left, wide, y = page.left + 6, page.right - page.left - 12, page.y + 18
    page.axes.plot([left, left + wide], [y, y], color=INK, linewidth=0.8)
    for value in CODEBOOK:
        x = left + wide * (float(value) + 1) / 2
        page.axes.plot([x, x], [y - 6, y + 6], color=ACCENT, linewidth=1.6)
    for value in (-1, 0, 1):
        x = left + wide * (value + 1) / 2
        page.write(x, y - 9, minus(str(value)), SMALLEST, FAINT, "center")
    page.y = y + 9
    for code, value in enumerate(CODEBOOK):
        x = left + wide * (code % 8 + 0.5) / 8
        page.write(x, page.y + 6, str(code), SMALLEST, FAINT, "center")
        page.write(x, page.y + 14.5, minus(f"{value:.4f}"), 8.2, align="center")
        page.y += 19 * (code % 8 == 7)
    page.y -= 2
