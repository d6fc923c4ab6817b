"""What lesson 6b says of stored runs: formats of four bits on the shipped base."""

import numpy as np

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments.formats import (
    BY_LABELS,
    BY_TEACHER,
    CODE,
    FLOAT,
    code_loss,
    costs,
    mended,
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


def rates():
    """The best rates of all that learnt code; each has a worse one tried on either side."""
    ways = [stored("formats")["ways"][f"code: {name}"] for name in CODE]
    assert all(way["inside"] for way in ways)
    return sorted(way["lr"] for way in ways)


def taken(name):
    """(seeds,): the KL that is left, below what labels leave."""
    return mended(stored("formats"), BY_LABELS) - mended(stored("formats"), name)


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
        "INT4 costs {:.1f} with blocks of 32, {:.1f} with 64 and {:.1f} with 128",
        lambda: [cost(f"INT4 / {size}").mean() for size in (32, 64, 128)],
    ),
    Claim(
        PAGE,
        "INT4 costs",
        lambda: np.minimum(
            cost("INT4 / 128") - cost("INT4 / 64"), cost("INT4 / 64") - cost("INT4 / 32")
        ),
    ),
    Number(
        PAGE,
        "LoRA ends {:.3f} nats a byte behind the float base's beside MXFP4, and {:.3f} by GPTQ",
        lambda: [behind(name).mean() for name in ("MXFP4", "MXFP4, GPTQ")],
    ),
    Claim(PAGE, "behind the float base's beside MXFP4", lambda: behind("MXFP4")),
    Claim(PAGE, "by GPTQ, in every seed", lambda: behind("MXFP4, GPTQ")),
    Claim(
        PAGE,
        "Beside NF4 it is not told apart from the float base's",
        lambda: behind("NF4 / 64"),
        holds=False,
    ),
    Claim(PAGE, "nor beside NVFP4", lambda: behind("NVFP4"), holds=False),
    Number(
        PAGE, "The best rates lie from {:.4f} to {:.4f}", lambda: [rates()[at] for at in (0, -1)]
    ),
    Number(
        PAGE,
        "LoRA beside MXFP4 that imitates the float base takes {:.0f} % of the cost away; one that "
        "learns from the text itself {:.0f} %",
        lambda: [
            100 * restored(stored("formats"), name).mean() for name in (BY_TEACHER, BY_LABELS)
        ],
    ),
    Claim(PAGE, "It takes more away than the text in every seed", lambda: taken(BY_TEACHER)),
    Number(
        PAGE,
        "to the nearest, its cost a token is {:.0f} in NVFP4, {:.0f} in NF4, {:.0f} in INT4 and "
        "{:.0f} in MXFP4",
        lambda: [real_cost(form) for form in ("NVFP4", "NF4", "INT4", "MXFP4")],
    ),
    Given(PAGE, "as in float32: 2.5 to 2, 5 to 4", "a cell prints it"),
    Given(PAGE, "all steps are 1.5 times wider than need be", "6/4"),
    Given(PAGE, "So 2.2 times, at worst, is more than half a bit", "a cell prints it"),
    Given(PAGE, "And 4.25 is MXFP4, whose byte serves 32", "arithmetic"),
    Given(PAGE, "7 now comes back as 6.86, and not as 6", "a cell prints it"),
    Given(PAGE, "Sixteen numbers with no scale at all reach 0.0095", "Max 1960, table 1"),
    Given(PAGE, "The output has lost 0.4 of the first input", "a setting"),
    Given(PAGE, 'NF4 has four bits": 4.25 and 4.5', "arithmetic"),
]
