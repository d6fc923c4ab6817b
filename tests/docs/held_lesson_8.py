"""Lesson 8's sentences on stored runs: rates, gain and forgetting, directions, text, use."""

import numpy as np

from docs.lesson_8_runs import (
    ALL,
    C_ATTN,
    DORA,
    FULL,
    LORA_PLUS,
    PISSA,
    QLORA,
    R1,
    R2,
    R8,
    R32,
    SOME,
    above_lora,
    beyond_full,
    beyond_lora,
    cut,
    directions,
    early,
    few,
    forgotten,
    gain,
    half_rate,
    in_use,
    last,
    loss,
    ratio,
    settings,
    share,
    slope,
)
from docs.margins import Claim, Given, Number, alike, in_words, stored
from lora_np.course.experiments import conclusions, forgetting, methods_text
from lora_np.course.experiments.regret import HABIT, RANKS

LESSON_8 = "notebooks/08_real_text.ipynb"
VARIANTS = (QLORA, DORA, PISSA, LORA_PLUS)
GENTLER = list(forgetting.GENTLER)[:2]


def claim(says, differences, holds=True):
    return Claim(LESSON_8, says, differences, holds)


def number(says, values):
    return Number(LESSON_8, says, values)


RATES = [
    number(
        "then {} new seeds ran {} steps at the best",
        lambda: (in_words(stored("methods_text")["seeds"]), settings()[0]),
    ),
    number(
        "over log(rank) is {:.2f} (−{:.2f} to {:.2f}); 0 is no dependence",
        lambda: np.abs(slope(RANKS)),
    ),
    claim("0 is no dependence", lambda: alike(min(-slope(RANKS)[1], slope(RANKS)[2]))),
    number("the slope is −{:.2f} (−{:.2f} to −{:.2f})", lambda: np.abs(slope(HABIT))),
    claim("nothing divides, and the slope is −", lambda: alike(-slope(HABIT)[2])),
    number("{:.1f} times full's at rank 8, by an interval of {:.1f} to {:.1f}", lambda: ratio(R8)),
    claim("Several times full's rate", lambda: alike(ratio(R8)[1] - 2)),
    claim(
        "about ten times (LoRA Without Regret), which lies inside it",
        lambda: alike(min(10 - ratio(R8)[1], ratio(R8)[2] - 10)),
    ),
    claim("At rates of their own the order turns round", lambda: loss(R8) - loss(FULL)),
]
GAIN = [
    number("Its loss is lower by {:.3f}", lambda: [(loss(C_ATTN) - loss(R2)).mean()]),
    claim("lower by 0.029, in every pair", lambda: loss(C_ATTN) - loss(R2)),
    number(
        "rank 1 makes {:.2f}, rank 8 makes {:.2f}", lambda: (share(R1).mean(), share(R8).mean())
    ),
    claim("both behind it in every pair", lambda: gain(FULL) - np.maximum(gain(R1), gain(R8))),
    number("Rank 32 makes {:.2f}", lambda: [share(R32).mean()]),
    claim("and is not told apart from it", lambda: gain(FULL) - gain(R32), holds=False),
    claim(
        "At rank 8 both hold here, in every pair",
        lambda: np.minimum(gain(FULL) - gain(R8), forgotten(FULL) - forgotten(R8)),
    ),
]
FORGETTING = [
    claim("has reached at least nine tenths of the forgetting", lambda: early(R8) - 0.9),
    claim("that it ends with, in every seed; full fine-tuning has passed", lambda: early(FULL) - 1),
    number(
        "(c) By {:.2f}, in every pair; and LoRA at a half or a quarter of its rate by {:.2f} "
        "and {:.2f}",
        lambda: [beyond_full(name).mean() for name in (R8, *GENTLER)],
    ),
    claim("by 0.02 and 0.03, in every pair", lambda: np.min([*map(beyond_full, GENTLER)], axis=0)),
    claim("(c) By 0.05, in every pair", lambda: beyond_full(R8)),
    claim("Rank 32 is not told apart from full's curve", lambda: beyond_full(R32), holds=False),
    claim(
        "rank 1 and c_attn alone lie farther above it than rank 8",
        lambda: np.minimum(beyond_full(R1), beyond_full(C_ATTN)) - beyond_full(R8),
    ),
    claim(
        "At the end of both runs LoRA has forgotten less", lambda: forgotten(FULL) - forgotten(R8)
    ),
    claim(
        "half of its best rate forgets a third less, in every pair",
        lambda: 0.1 - abs(1 - half_rate(methods_text.forgotten) / forgotten(FULL) - 1 / 3),
    ),
    claim(
        "for a gain that is not told apart",
        lambda: gain(FULL) - half_rate(methods_text.gain),
        holds=False,
    ),
    number("what this model of {1:.2f} million weights shows in {0} steps", settings),
]
OTHERS = [
    number("QLoRA ends {:.2f} % above LoRA's loss", lambda: [above_lora(QLORA).mean()]),
    claim("% above LoRA's loss, in every pair", lambda: above_lora(QLORA)),
    claim(
        "by little more than its interval",
        lambda: alike(1.5 - conclusions.margin(above_lora(QLORA))),
    ),
    claim("holds to a hundredth of the gain", lambda: alike(1.5 + beyond_lora(QLORA).mean())),
    claim(
        "So do these four, in loss",
        lambda: 2 - np.max([abs(above_lora(name)) for name in VARIANTS], axis=0),
    ),
    number(
        "DoRA has {:.1f} % more, PiSSA {:.1f} % and LoRA+ {:.1f} % less",
        lambda: [abs(beyond_lora(name).mean()) for name in VARIANTS[1:]],
    ),
    claim(
        "LoRA+ 6.2 % less, in every pair",
        lambda: np.min([beyond_lora(DORA), *(-beyond_lora(n) for n in VARIANTS[2:])], axis=0),
    ),
    number("90 % of $|\\Delta W|^2$ takes up to {} of them", lambda: [directions().max()]),
    number(
        "It keeps {:.2f}. With none, {:.2f} is left", lambda: [cut(k)[0].mean() for k in (8, 0)]
    ),
    number("The 8 keep only {:.2f} of the forgetting", lambda: [cut(8)[1].mean()]),
    claim(
        "gains more than full's change cut to it, in every pair",
        lambda: np.minimum(share(R1) - cut(1)[0], share(R2) - cut(2)[0]),
    ),
    claim("at rank 8 the two are not told apart", lambda: share(R8) - cut(8)[0], holds=False),
]
TEXT_AND_USE = [
    claim(
        "With little text both methods spoil the model",
        lambda: np.minimum(few(FULL, SOME, last), few(R8, SOME, last)),
    ),
    claim(
        "in all three seeds LoRA's fewer numbers are no protection at these rates",
        lambda: few(R8, SOME, last) - few(FULL, SOME, last),
    ),
    claim("From a thousand bytes there is nothing to gain", lambda: 1e-9 + few(FULL, 1000, min)),
    claim(
        "with all the text and 100 steps, LoRA is too near to tell",
        lambda: few(R8, ALL, last) - few(FULL, ALL, last),
        holds=False,
    ),
    number("so its base has another loss, {:.2f}", lambda: [base_of_examples()]),
    # Clock times of one machine, as ratios to the base's
    claim(
        "and more than that to the time", lambda: alike(min(in_use("LoRA r 8 beside it")) - 1.083)
    ),
    claim(
        "Merged, all of it is gone", lambda: alike(0.05 - np.ptp([1, *in_use("LoRA r 8 merged")]))
    ),
    claim(
        "A thousand tokens share that cost; one token pays it alone",
        lambda: alike(np.diff(in_use("QLoRA r 8 beside it"))[0] - 0.5),
    ),
]
GIVEN = [
    Given(
        LESSON_8, "100 steps on pieces of code from 1,000 bytes up to everything, three", "setting"
    ),
    Given(LESSON_8, "Give both methods one rate, 0.01, and LoRA wins", "the cell below runs it"),
    Given(LESSON_8, "nine variants, once tuned, end within 2 % of LoRA", "cited"),
    Given(LESSON_8, "adds 8 % to the multiplications", "counted"),
    Given(LESSON_8, "Lesson 1 printed 2.14 on code for this base", "its first cell prints it"),
    Given(LESSON_8, "the first 64 of 128 directions is 0.55", "an exercise"),
    Given(LESSON_8, "where every pair agrees and the mean lies three standard errors", "defined"),
    Given(LESSON_8, "Otherwise the two are not told apart", "defined"),
]


def base_of_examples():
    return stored("examples")[0]["evaluations"][0]["code"]


HELD_8 = [*RATES, *GAIN, *FORGETTING, *OTHERS, *TEXT_AND_USE, *GIVEN]
