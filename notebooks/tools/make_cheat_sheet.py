"""Make the cheat sheet: LoRA and QLoRA on one A4 page to print, notebooks/cheat_sheet.pdf.

    python notebooks/tools/make_cheat_sheet.py [other.pdf | page.png]

Its numbers come from the package, the measured rates from notebooks/WHICH_METHOD.md, the names from
the table of symbols in notebooks/README.md.
"""

import argparse
import hashlib
import pathlib
import re

from sheet_layout import ACCENT, BODY, FAINT, Page
from sheet_numbers import HERE, METHOD, N_IN, N_OUT, bits, bytes_rows, measured, rows_of
from sheet_pictures import codebook_picture, shapes_picture

from lora_np import LoRA, QLoRA
from lora_np.memory import formulas
from lora_np.quant.double_quant import BLOCK
from lora_np.quant.nf4 import OFFSET
from lora_np.recipes.finetune import WIDTH

SHEET, TOOLS = HERE / "cheat_sheet.pdf", HERE / "tools"
TITLE = "LoRA and QLoRA on one page"
BLUE, ORANGE, GREY = "#e8f2f9", "#fdf0e4", "#f2f2f2"
MARGIN, GAP, MIDDLE = 26, 14, 297.64
SYMBOLS = [
    "W", "A", "B", "r", "α", "s", "ΔW", "W′", "u, du", "dy, dx, dA, dB", "c", "absmax", "Ŵ", "m",
]  # fmt: skip


def lora(page):
    page.heading("LoRA: a frozen W, two thin matrices beside it")
    shapes_picture(page)
    stops = 17, 118, 158
    page.panel(
        [
            ("$u = x A$", "(…, r)", ""),
            ("$y = xW + b + s\\,uB$", "(…, out)", "$AB$ is never formed"),
        ],
        BLUE, stops, "forward",
    )  # fmt: skip
    page.panel(
        [
            ("$du = s\\; dy\\, B^T$", "(…, r)", "undoes $uB$"),
            ("$dB = s\\; u^T dy$", "(r, out)", "undoes $uB$"),
            ("$dA = x^T du$", "(in, r)", "undoes $xA$"),
            ("$dx = dy\\, W^T + du\\, A^T$", "(…, in)", "$x$ went both ways: add"),
        ],
        ORANGE, stops, "backward",
    )  # fmt: skip
    equal = N_IN * N_OUT / (N_IN + N_OUT)
    page.panel(
        [
            (r"$s = \alpha / r$", "", r"rsLoRA: $s = \alpha / \sqrt{r}$"),
            (r"$A_{ij} \sim U(\pm 1/\sqrt{in}),\;\; B = 0$", "", "start: $\\Delta W = 0$"),
            ("$dA = 0,\\;\\; dB \\neq 0$", "", "the first step moves $B$ alone"),
            ("$W$′ $= W + s\\,AB$", "(in, out)", "merged: a plain layer again"),
            (r"$r < in \cdot out\, /\, (in + out)$", "", f"or nothing is saved: here {equal:.0f}"),
        ],
        GREY, stops, "scale, start, end",
    )  # fmt: skip


def qlora(page):
    (plain, double), block = bits(), QLoRA().block_size
    whole = rf"$4 + 8/{block} + 32/({block} \cdot {BLOCK})$"
    page.heading("QLoRA: the same, beside a W in four bits")
    stops = 17, 122, 160
    page.panel(
        [
            (r"$\mathrm{absmax} = \max\, |w|$", "", f"of each block of {block} weights"),
            (r"$c_i =$ nearest code to $w_i\,/\,\mathrm{absmax}$", "", ""),
            (
                r"$\hat w_i = \mathrm{codebook}[c_i] \cdot \mathrm{absmax}$", "",
                "$c$: 0 … 15, two a byte",
            ),
        ],
        GREY, stops, "NF4",
    )  # fmt: skip
    page.panel(
        [
            (r"$y = x\hat W + b + s\,(xA)B$", "", r"$\hat W$ made anew, used, dropped"),
            (r"$dx = dy\,\hat W^T + du\,A^T$", "", "$dA$, $dB$ as in LoRA; no $dW$"),
            (r"$W$′ $= \hat W + s\,AB$", "", "merged: keep it dense"),
        ],
        BLUE, stops, "layer",
    )  # fmt: skip
    page.y += 4
    codebook_picture(page)
    page.paragraph(
        f"7 below 0, an exact 0, 8 above: $\\Phi^{{-1}}$ at equal steps of the level, from 0.5 out "
        f"to {OFFSET:.4f}, divided by the largest."
    )
    page.y += 4
    page.panel(
        [
            (f"$4 + 32/{block}$", f"**{plain:g}**", "a float32 for each absmax"),
            (whole, f"**{double:.3f}**", "double quantization"),
        ],
        GREY, (17, 132, 162), "bits",
    )  # fmt: skip


def start(page):
    usual = LoRA()
    page.heading("Where to start")
    page.paragraph(
        f"**r {usual.rank}, α {usual.alpha:g}, every linear layer of the blocks, dropout "
        f"{usual.dropout:g}, AdamW**, warm-up, then half a cosine to 0. `finetune` begins at a "
        f"rate of ${METHOD['lora'].rate:g} \\cdot {WIDTH}/\\mathrm{{width}}$, in full "
        f"${METHOD['full'].rate:g} \\cdot {WIDTH}/\\mathrm{{width}}$. Best rates, as measured on a "
        f"model {WIDTH} wide:"
    )
    head = ["", "trained", "rate", "best between", "gain", "forgotten"]
    page.table([head, *measured()], (1, -172, -140, -74, -44, 0))
    page.paragraph(
        "gain: the part of full fine-tuning's on code; forgotten: nats a byte on prose "
        "(`WHICH_METHOD.md`). The rate hardly depends on r.", 7.6, color=FAINT,
    )  # fmt: skip


def memory(page):
    learns = 4 * formulas.FLOAT
    page.heading("Memory, in bytes")
    page.paragraph(
        f"A number that learns, in float32 under AdamW: **{learns}** = 4 weight + 4 gradient + 8 "
        f"moments. A frozen one: **{formulas.FLOAT}**; in NF4 **{formulas.NF4:g}**, or "
        f"{bits()[1] / 8:.3f} doubly quantized. In all, without activations, at r {LoRA().rank}:"
    )
    head = ["", "trained", "full", "LoRA", "QLoRA"]
    page.table([head, *bytes_rows()], (1, -142, -92, -46, 0))


TRAPS = [
    "**α in place of α/r**: r times too strong. At r = 1 nothing shows.",
    "**A and B both zero**: each one's gradient needs the other, so neither ever moves. Tiny "
    "numbers for both are nearly as bad.",
    "`A * B` is not `A @ B`. At r = 1 broadcasting hides it.",
    "**PEFT stores A and B transposed**: `lora_A.weight` is $A^T$. Where W is square no shape "
    "complains.",
    "**Raising α and the rate**: one knob, turned twice. α × 3 is B's rate × 3 under AdamW, × 9 "
    "under SGD.",
    "**LoRA and full at one rate**: no comparison. Each at its own best.",
    "**Merged, then rounded to 4 bits again**: the codes stay, ΔW is gone. Keep W′ dense.",
    "**Merged onto W, not Ŵ**: A and B were trained beside Ŵ.",
    "**W left to learn**, or on the optimizer's list: every saving is gone, and weight decay "
    "shrinks what should stay. Hand it A and B only.",
    "**Dropout before both paths**: it belongs on the adapter's alone.",
    "**Nothing loaded looks like nothing learnt**, as B starts at zero. List the missing names.",
    "**4 bits do not** shrink activations or save time: arithmetic stays in float.",
]


def relatives(page):
    page.heading("Relatives")
    page.panel(
        [
            (r"$\eta_B = 16\,\eta_A$", "", "**LoRA+**: B learns 16 times as fast"),
            (
                r"$W$′ $= m \circ (W + s\,AB) / \mathrm{norm}$", "",
                r"**DoRA**: $m$ and norm, one a column",
            ),
            (r"$s\,AB =$ largest part of $W$", "", "**PiSSA**: the base keeps the rest"),
            (r"$s\,AB \approx W - \hat W$", "", "**LoftQ**: a start that undoes rounding"),
        ],
        GREY, (17, 0, 126), "", size=9.4, step=13,
    )  # fmt: skip


def traps(page):
    page.heading("Traps")
    for trap in TRAPS:
        page.point(trap)


def names(page):
    page.heading("Names: y = xW + b here, W (in, out); the papers and PEFT write the transpose")
    found = {row[0]: row for row in rows_of("README.md", "symbol")}
    rows = [found[symbol] for symbol in SYMBOLS]
    rows = [[re.sub("[₀₁₂]", lowered, cell) for cell in row] for row in rows]
    head = ["symbol", "shape here", "name in code", "in the papers", "in PEFT"]
    page.table([head, *rows], (1, 72, 168, 306, 412), size=8, step=10.5)


def lowered(digit):
    return f"$_{'₀₁₂'.index(digit[0])}$"  # which the printed letters do not have


def sheet():
    """The page, drawn."""
    page = Page(MARGIN)
    page.write(MARGIN, 42, f"**{TITLE}**", 18, ACCENT)
    page.write(page.right, 42, "`lora_np`  ·  lessons: `notebooks/README.md`", BODY, FAINT, "right")
    page.column(MARGIN, MIDDLE - GAP / 2, 48)
    for part in (lora, start, memory):
        part(page)
    bottom = page.y
    page.column(MIDDLE + GAP / 2, page.axes.get_xlim()[1] - MARGIN, 48)
    for part in (qlora, traps, relatives):
        part(page)
    page.column(MARGIN, page.axes.get_xlim()[1] - MARGIN, max(bottom, page.y) - 2)
    names(page)
    return page


def digest(page):
    """Of what the page says and of the files that draw it: a stored page that lacks it is old."""
    said = "\n".join(text.get_text() for text in page.axes.texts).encode()
    files = sorted([*TOOLS.glob("sheet_*.py"), TOOLS / "make_cheat_sheet.py"])
    drawn = b"".join(path.read_bytes().replace(b"\r\n", b"\n") for path in files)
    return hashlib.sha256(said + drawn).hexdigest()


def save(path):
    page = sheet()
    page.save(path, Title=TITLE, Keywords=digest(page))
    return page


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", type=pathlib.Path, default=SHEET, help="a .pdf or .png")
    path = parser.parse_args().path
    page = save(path)
    print(f"{path}: {page.axes.get_ylim()[0] - page.y:.0f} points left at the foot")
