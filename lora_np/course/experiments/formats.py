"""Four bits, other ways: what does each format cost, by each way of rounding, and after training?

The shipped base, whose weights are floats, is rounded to every format of `quant.FORMATS`, those in
groups to three sizes of them: to the nearest, by GPTQ, AWQ and HQQ. Then LoRA learns code beside
some of them, as `methods_text` has it; and LoRA beside the rounded base reads prose again, from its
bytes or from the float base's probabilities (quantization-aware distillation, QAD). The `outliers`
are the same base computed through weights of which a few are sixteen times as large.

Why it may differ: four small layers have less to spare than a large model, and few outliers.
"""

import numpy as np

from ...analysis.plots import COLORS, MARKERS, style, subplots
from .common import caveat, paired, seed_count, spread, text_table
from .formats_world import (
    FLOAT,
    FORMS,
    IN_BLOCKS,
    NEAREST,
    ROUNDINGS,
    SIZES,
    OnRounded,
    cost,
    mend,
    roundings,
    weight_bytes,
)
from .protocol import Study, by_seed, compare, rates_table, results_of
from .real_text import TEST, TUNE, Way, compared, is_tuning, learn, losses

CODE = {  # QLoRA over formats: what LoRA stands on when it learns code
    FLOAT: (FLOAT,),
    "NF4 / 64": ("NF4 / 64",),
    "MXFP4": ("MXFP4",),
    "NVFP4": ("NVFP4",),
    "MXFP4, GPTQ": ("MXFP4", "GPTQ"),
}
BY_LABELS, BY_TEACHER = "MXFP4, by labels", "MXFP4, QAD"
MENDED = {  # {name: (on what, whether the float base teaches)}
    "float, by labels": ((FLOAT,), False),
    BY_LABELS: (("MXFP4",), False),
    BY_TEACHER: (("MXFP4",), True),
    "NF4 / 64, QAD": (("NF4 / 64",), True),
}
PAIRS = (  # roundings to the nearest that are compared, those of the same bits first
    ("MXFP4", "NF4 / 128"), ("MXFP4", "INT4 / 128"), ("NVFP4", "NF4 / 64"), ("Q4_K", "NF4 / 64"),
    ("Q4_0", "NF4 / 64"), ("INT4 / 64", "NF4 / 64"), ("INT4, zero point / 64", "INT4 / 64"),
    ("FP4 (bitsandbytes)", "NF4 / 64"), ("NVFP4", "Q4_K"), ("Q4_0", "Q4_K"), ("Q4_1", "NF4 / 32"),
    ("MXFP4", "NVFP4"), ("MXFP4", "FP4 E2M1 / 32"), ("Q4_0", "Q4_1"),
    *((f"{name} / {n}", f"{name} / {n // 2}") for name in IN_BLOCKS for n in SIZES[1:]),
)  # fmt: skip
RATES = {f"code: {name}": 1e-2 for name in CODE} | {f"prose: {name}": 3e-3 for name in MENDED}
SETTINGS = {"steps": 32, "batch": 4, "length": 128, "windows": 16, "mending": 32, "quick": False}
QUICK = SETTINGS | {"steps": 2, "batch": 2, "length": 32, "windows": 2, "mending": 2, "quick": True}


def run(seeds=5, quick=False, directory=None, processes=None):
    """Round and train with each of so many seeds; plain numbers for JSON.

    Every way that trains is tuned, as `protocol.compare` says: on other code, or for the least KL
    on other prose. `quick` takes one seed, two steps, few formats and the rates where a search
    begins. Raises: ValueError for seeds below 1.
    """
    seeds, settings, trials = (1, QUICK, 0) if quick else (seeds, SETTINGS, 4)
    study = Study("formats", one_run, RATES, settings, trials)
    cells = [study.cell("rounding", 0.0, seed) for seed in range(seeds)]
    found = results_of(roundings, directory, "formats_rounding", processes, cells)
    numbers = compare(study, seeds, directory, processes)
    numbers["cpu_seconds"] += round(sum(one["cpu_seconds"] for one in found), 1)
    bytes_of = {form: weight_bytes(form) for form in (FLOAT, *FORMS)}
    bits = {form: FORMS[form].bits for form in FORMS}
    return {**numbers, "quick": quick, "roundings": found, "bytes": bytes_of, "bits": bits}


def one_run(cell):
    """What one way came to."""
    task, name = cell["way"].split(": ", 1)
    if task == "code":
        model, result = learn(Way(OnRounded(*CODE[name], seed=cell["seed"]), cell["lr"]), cell)
        if is_tuning(cell):
            return {"validation": losses(model, cell, (TUNE,))[TUNE]}
        return result | compared(model, cell)
    form, by_teacher = MENDED[name]
    model = mend(OnRounded(*form, seed=cell["seed"]), by_teacher, cell)
    found = cost(model, cell["seed"], cell["windows"])
    return found | {"validation": found["kl"]}


def costs(numbers, form, how=NEAREST, measure="kl", kind="plain"):
    """(seeds,): what that rounding cost each seed, in thousandths of a nat a byte."""
    return 1e3 * np.array([one[kind][form][how][measure] for one in numbers["roundings"]])


def code_loss(numbers, name):
    return by_seed(numbers, f"code: {name}", lambda run: run["after"][TEST])


def mended(numbers, name, measure="kl"):
    return 1e3 * by_seed(numbers, f"prose: {name}", measure)


def rounding_rows(numbers, kind, cell):
    """A row for each form: what `cell` says of its costs, and "-" where a way does not fit."""
    for form, ways in numbers["roundings"][0][kind].items():
        yield form, *(cell(form, how) if how in ways else "-" for how in ROUNDINGS)


def table(numbers):
    """Bits, bytes and KL of every format by every way of rounding; after training; mended."""

    def kl(kind):
        return lambda form, how: spread(costs(numbers, form, how, kind=kind), 1)

    lines, widths = [], (24, 7, 8, 17)
    for kind, title in (("plain", "KL, 10⁻³ nats"), ("outliers", "KL with outliers")):
        rows = [
            (form, f"{numbers['bits'][form]:.3f}", f"{numbers['bytes'][form] / 1e3:.0f}", *cells)
            for form, *cells in rounding_rows(numbers, kind, kl(kind))
        ]
        lines += [*text_table((title, "bits", "kB", *ROUNDINGS), rows, widths), ""]
    seconds = {
        how: np.mean([ways[how]["seconds"] for one in numbers["roundings"]
                      for ways in one["plain"].values() if how in ways])
        for how in ROUNDINGS
    }  # fmt: skip
    shown = ", ".join(f"{how} {seconds[how]:.2f}" for how in ROUNDINGS)
    lines += [f"CPU seconds to round the base, mean over formats: {shown}.", ""]
    found = {way: cells for way, *cells, _ in rates_table(numbers)}
    rows = [(name, *found[f"code: {name}"], spread(code_loss(numbers, name), 4)) for name in CODE]
    titles = "LoRA r 8 learns code on", "rate", "best between", "loss on code"
    lines += [*text_table(titles, rows, (26, 9, 26, 18)), ""]
    rows = [
        (name, *found[f"prose: {name}"], spread(mended(numbers, name), 1),
         spread(mended(numbers, name, "loss"), 1))
        for name in MENDED
    ]  # fmt: skip
    titles = "LoRA r 8 reads prose again", "rate", "best between", "KL, 10⁻³", "loss less float's"
    lines += [*text_table(titles, rows, (26, 9, 26, 18, 19)), ""]
    lines.append(f"KL(float base ‖ rounded) on held-out prose; {seed_count(numbers)}.\n")
    return "\n".join([*lines, verdict(numbers)]) + caveat(numbers)


def claims(numbers):
    """{one less another: a difference a seed}."""
    found = {}
    tried = list(numbers["roundings"][0]["plain"])
    if not numbers["quick"]:
        for one, other in PAIRS:
            d = costs(numbers, one) - costs(numbers, other)
            found[f"KL (10⁻³): {one} less {other}"] = d.tolist()
    for kind in ("plain", "outliers"):
        for form, ways in numbers["roundings"][0][kind].items():
            for how in ROUNDINGS[1:]:
                if how in ways and (kind == "outliers" or form in tried):
                    d = costs(numbers, form, how, kind=kind) - costs(numbers, form, kind=kind)
                    name = "KL (10⁻³)" + (", outliers" if kind == "outliers" else "")
                    found[f"{name}: {form}, {how} less nearest"] = d.tolist()
    for form in numbers["roundings"][0]["outliers"]:
        d = costs(numbers, form, kind="outliers") - costs(numbers, form)
        found[f"KL (10⁻³): {form} with outliers less without"] = d.tolist()
    for name in list(CODE)[1:]:
        d = code_loss(numbers, name) - code_loss(numbers, FLOAT)
        found[f"loss on code: LoRA on {name} less on float"] = d.tolist()
    for one, other in (("MXFP4", "NF4 / 64"), ("MXFP4", "NVFP4"), ("MXFP4, GPTQ", "MXFP4")):
        d = code_loss(numbers, one) - code_loss(numbers, other)
        found[f"loss on code: LoRA on {one} less on {other}"] = d.tolist()
    labels, teacher = mended(numbers, BY_LABELS), mended(numbers, BY_TEACHER)
    found[f"KL (10⁻³): {BY_TEACHER} less by labels"] = (teacher - labels).tolist()
    for name, ((form, *_), _) in MENDED.items():
        if form in tried:
            d = mended(numbers, name) - costs(numbers, form)
            found[f"KL (10⁻³): {name} less only rounded"] = d.tolist()
    return found


def restored(numbers, name=BY_TEACHER, form="MXFP4"):
    """(seeds,): the share of the format's KL that training took away."""
    return 1 - mended(numbers, name) / costs(numbers, form)


def verdict(numbers):
    if "MXFP4" not in numbers["roundings"][0]["plain"]:
        return ""
    shares = [spread(100 * restored(numbers, name), 0) for name in (BY_TEACHER, BY_LABELS)]
    d = paired(mended(numbers, BY_TEACHER), mended(numbers, BY_LABELS), 1)
    return (
        f"Of MXFP4's KL distillation takes away {shares[0]} %, the text's labels {shares[1]} %.\n"
        f"KL by the float base less by labels: {d}."
    )


@style()
def figure(numbers):
    """What each rounding costs against its bits: one marker a way of rounding, its seeds' mean."""
    picture, axes = subplots(size=(7.4, 4.2))
    for k, how in enumerate(ROUNDINGS):
        forms = [f for f, ways in numbers["roundings"][0]["plain"].items() if how in ways]
        x = [numbers["bits"][form] for form in forms if numbers["bits"][form] < 6]
        y = [costs(numbers, form, how).mean() for form in forms if numbers["bits"][form] < 6]
        point = {"color": COLORS[k], "marker": MARKERS[k], "linestyle": "", "alpha": 0.8}
        axes.plot(x, y, **point, label=how)
    axes.set(xlabel="bits a weight", ylabel="KL(float ‖ rounded), 10⁻³ nats a byte", yscale="log")
    axes.legend()
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    rows = rounding_rows(
        numbers, "plain", lambda form, how: f"{costs(numbers, form, how).mean():.1f}"
    )
    parts = [f"{form} {', '.join(cells)}" for form, *cells in rows]
    return f"KL by {', '.join(ROUNDINGS)}, in thousandths of a nat a byte: {'; '.join(parts)}."
