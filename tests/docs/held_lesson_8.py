"""Lesson 8's sentences on stored runs: rates, gain and forgetting, QLoRA, directions, text, use."""

import numpy as np

from docs.lesson_8_runs import (
    ALL,
    C_ATTN,
    FULL,
    R8,
    R32,
    SOME,
    above_chance,
    at_best,
    best_rates,
    beyond_full,
    few,
    forgotten,
    gain,
    in_use,
    last,
    left,
    loss,
    rank_falls,
    rounded,
    same_numbers,
    swept,
)
from docs.margins import Claim, Given, Number, alike

LESSON_8 = "notebooks/08_real_text.ipynb"

HELD_8 = [
    # Rates: one seed each, so a point counts only if it lies outside what seeds do at the best.
    Claim(
        LESSON_8,
        "(c). How many times, this table says only roughly",
        lambda: swept(R8)[2e-3]["after"]["code"] - loss(R8),
    ),
    Claim(
        LESSON_8,
        "That rate ruins full fine-tuning",
        lambda: swept(FULL)[1e-2]["after"]["code"] - loss(FULL),
    ),
    Claim(
        LESSON_8,
        "give both methods one rate, 0.01, and LoRA has the lower loss",
        lambda: swept(FULL)[1e-2]["after"]["code"] - loss(R8),
    ),
    Claim(
        LESSON_8,
        "each method at its own best rate, the order turns round",
        lambda: loss(R8) - loss(FULL),
    ),
    Claim(
        LESSON_8,
        "neighbours on the grid differ by as little as seeds do",
        lambda: swept(R8)[5e-3]["after"]["code"] - loss(R8) - np.ptp(loss(R8)),
        holds=False,
    ),
    # Gain and forgetting, in pairs.
    Claim(
        LESSON_8,
        "more layers and a larger rank buy more of the gain",
        lambda: np.minimum(gain(R8) - gain(C_ATTN), gain(R32) - gain(R8)),
    ),
    Claim(LESSON_8, "LoRA comes close and does not arrive", lambda: gain(FULL) - gain(R32)),
    Claim(
        LESSON_8,
        "and from 8 to 32, each at its own rate, by 0.05",
        lambda: 0.02 - abs(gain(R32) - gain(R8) - 0.05),
    ),
    Claim(
        LESSON_8,
        "LoRA on all layers has forgotten a little more than full fine-tuning",
        lambda: np.minimum(forgotten(R8), forgotten(R32)) - forgotten(FULL),
    ),
    Claim(
        LESSON_8,
        "on c_attn alone it forgot a little less",
        lambda: forgotten(FULL) - forgotten(C_ATTN),
    ),
    Claim(LESSON_8, "and gained a good deal less", lambda: 0.8 - gain(C_ATTN) / gain(FULL)),
    Claim(
        LESSON_8,
        "There it has forgotten 0.1 more than full's curve at the same gain",
        lambda: 0.05 - abs(beyond_full(R8) - 0.1),
    ),
    Claim(
        LESSON_8,
        "several times what seeds differ by; but that curve is one seed's",
        lambda: beyond_full(R8) - 3 * np.ptp(forgotten(FULL)),
    ),
    Claim(
        LESSON_8,
        "At rank 32 the two are too near to tell",
        lambda: beyond_full(R32) - np.ptp(forgotten(FULL)),
        holds=False,
    ),
    Claim(
        LESSON_8,
        "and at rank 8 it reaches nine tenths of the gain",
        lambda: 0.02 - abs(gain(R8) / gain(FULL) - 0.9),
    ),
    Claim(
        LESSON_8,
        "it has the lower loss on code in each of three seeds",
        lambda: np.subtract(*reversed(same_numbers())),
    ),
    # QLoRA against LoRA, in pairs.
    Claim(LESSON_8, "At rank 32 all three pairs agree", lambda: left(32)),
    Claim(
        LESSON_8,
        "about a third of what rounding cost is left",
        lambda: 0.1 - abs(left(32) / rounded() - 1 / 3),
    ),
    Claim(
        LESSON_8, "At rank 8 the pairs do not even agree on the sign", lambda: left(8), holds=False
    ),
    # Directions: sixteen layers of one pair of runs.
    Claim(LESSON_8, "the inputs are a little above chance", lambda: above_chance("inputs")),
    Claim(LESSON_8, "the outputs far", lambda: above_chance("outputs")),
    # How much text.
    Claim(
        LESSON_8,
        "With little text both methods spoil the model",
        lambda: np.minimum(few(FULL, SOME, last), few(R8, SOME, last)),
    ),
    Claim(
        LESSON_8,
        "LoRA's fewer numbers are no protection at these rates",
        lambda: few(R8, SOME, last) - few(FULL, SOME, last),
    ),
    Claim(
        LESSON_8,
        "from a thousand bytes there is nothing to gain",
        lambda: 1e-9 + few(FULL, 1000, min),
    ),
    Claim(
        LESSON_8,
        "with all the text and 100 steps, LoRA is too near to tell",
        lambda: few(R8, ALL, last) - few(FULL, ALL, last),
        holds=False,
    ),
    # Numbers.
    Number(
        LESSON_8,
        "the grid's best rates lie {:.0f} and {:.0f} apart, the parabolas' lowest points {:.0f} "
        "(rank 8) and {:.0f} (rank 32)",
        best_rates,
    ),
    Number(
        LESSON_8,
        "what this model of {:.2f} million weights shows on {} steps",
        lambda: (at_best(FULL)[0]["trained"] / 1e6, at_best(FULL)[0]["steps"]),
    ),
    Number(LESSON_8, "from 1 to 64 the loss on code falls by {:.2f}", rank_falls),
    Claim(
        LESSON_8,
        "On text the two can hardly be told apart",
        lambda: 0.01 - abs(np.concatenate([left(8), left(32)])),
    ),
    # In use: clock times of one machine, as ratios to the base's.
    Claim(
        LESSON_8,
        "and more than that to the time",
        lambda: alike(min(in_use("LoRA r 8 beside it")) - 1.083),
    ),
    Claim(
        LESSON_8,
        "Merged, all of it is gone",
        lambda: alike(0.05 - np.ptp([1, *in_use("LoRA r 8 merged")])),
    ),
    Claim(
        LESSON_8,
        "A thousand tokens share that cost; one token pays it alone",
        lambda: alike(np.diff(in_use("QLoRA r 8 beside it"))[0] - 0.5),
    ),
    # Not of stored runs.
    Given(LESSON_8, "The table has each method at its best rate, over three seeds", "a setting"),
    Given(LESSON_8, "100 steps on pieces of code from 1,000 bytes up to everything, three", "too"),
    Given(LESSON_8, "rates or more with seed 0, then at its best with two more seeds", "too"),
    Given(LESSON_8, "An adapter beside the layer adds 8 % to the multiplications", "counted"),
    Given(LESSON_8, "the first 64 of 128 directions is 0.55", "an exercise"),
]
