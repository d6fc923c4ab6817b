"""What lesson 6b says of stored runs: formats of four bits on the shipped base."""

import numpy as np

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments.formats import (
    BY_LABELS,
    BY_TEACHER,
    FLOAT,
    code_loss,
    costs,
    restored,
)

PAGE = "notebooks/06b_four_bits.ipynb"
NF4, OUTLIERS = "NF4 / 32", "outliers"


def cost(form, how="nearest", kind="plain"):
    return costs(stored("formats"), form, how, kind=kind)


def gptq_gains():
    """(seeds,): what GPTQ gains in the format in which it gains least."""
    forms = stored("formats")["roundings"][0]["plain"]
    each = [cost(form) - cost(form, "GPTQ") for form, ways in forms.items() if "GPTQ" in ways]
    return np.min(each, axis=0)


def behind(name):
    return code_loss(stored("formats"), name) - code_loss(stored("formats"), FLOAT)


def real_cost(form):
    return 1e3 * np.mean(stored("real_formats")["rows"][f"{form}, nearest"]["kl"])


HELD_6B = [
    Number(
        PAGE,
        "It costs {:.1f} in MXFP4, {:.1f} in NVFP4, {:.1f} in NF4 with blocks of 32, and {:.1f} "
        "in Q4_K, the mean of {} seeds",
        lambda: (
            *(cost(form).mean() for form in ("MXFP4", "NVFP4", NF4, "Q4_K")),
            in_words(stored("formats")["seeds"]),
        ),
    ),
    Number(
        PAGE,
        "by GPTQ {:.1f} in MXFP4 and {:.1f} in NVFP4",
        lambda: [cost(form, "GPTQ").mean() for form in ("MXFP4", "NVFP4")],
    ),
    Claim(PAGE, "GPTQ costs less than the nearest in every format and every seed", gptq_gains),
    Claim(
        PAGE,
        "For NF4, AWQ and the nearest are not told apart",
        lambda: cost(NF4) - cost(NF4, "AWQ"),
        holds=False,
    ),
    Number(
        PAGE,
        "NF4 then costs {:.0f}, by HQQ {:.0f}, by GPTQ {:.0f}, by AWQ {:.0f}",
        lambda: [cost(NF4, how, OUTLIERS).mean() for how in ("nearest", "HQQ", "GPTQ", "AWQ")],
    ),
    Number(
        PAGE,
        "LoRA beside MXFP4 ends {:.3f} nats a byte behind LoRA beside the float base, beside MXFP4 "
        "by GPTQ {:.3f}",
        lambda: [behind(name).mean() for name in ("MXFP4", "MXFP4, GPTQ")],
    ),
    Number(
        PAGE,
        "LoRA beside MXFP4 that imitates the float base takes {:.0f} % of the cost away; one that "
        "learns from the text itself {:.0f} %",
        lambda: [
            100 * restored(stored("formats"), name).mean() for name in (BY_TEACHER, BY_LABELS)
        ],
    ),
    Number(
        PAGE,
        "to the nearest, its cost a token is {:.0f} in NVFP4, {:.0f} in NF4, {:.0f} in INT4 and "
        "{:.0f} in MXFP4",
        lambda: [real_cost(form) for form in ("NVFP4", "NF4", "INT4", "MXFP4")],
    ),
    Claim(PAGE, "too little to be told apart in two seeds", lambda: behind("MXFP4"), holds=False),
    Given(PAGE, "as in float32: 2.5 to 2, 5 to 4", "a cell prints it"),
    Given(PAGE, "all steps are 1.5 times wider than need be", "6/4"),
    Given(PAGE, "So 2.2 times, at worst, is more than half a bit", "a cell prints it"),
    Given(PAGE, "And 4.25 is MXFP4, whose byte serves 32", "arithmetic"),
    Given(PAGE, "7 now comes back as 6.86, and not as 6", "a cell prints it"),
    Given(PAGE, "Sixteen numbers with no scale at all reach 0.0095", "Max 1960, table 1"),
    Given(PAGE, "The output has lost 0.4 of the first input", "a setting"),
    Given(PAGE, 'NF4 has four bits": 4.25 and 4.5', "arithmetic"),
]
