"""What lesson 9 says of stored runs: what each method moves."""

import numpy as np

from docs.margins import Claim, Number, in_words, stored
from lora_np.course.experiments.methods import FULL, LARGE_ALPHA, PREFIX, PROMPT, RANK_1, WITH_MLP

LESSON_9 = "notebooks/09_what_moves.ipynb"
ATTENTION, TEN = "LoRA r 4, attention's qkv", "prompt, 10 tokens"
ALL_RIGHT = (FULL, ATTENTION, f"Q{ATTENTION}")


def skills(name):
    """(3, seeds): answers all right on a known skill, on + 5, on reverse + 1."""
    return np.transpose(stored("methods")["rows"][name]["accuracy"])


def trained(name):
    return stored("methods")["rows"][name]["trained"]


def apart():
    """How far a prefix is behind LoRA on + 5, a seed."""
    return skills(ATTENTION)[1] - skills(PREFIX)[1]


HELD_9 = [
    Number(
        LESSON_9,
        "three tasks, {} steps and {} seeds, each seed with another known skill",
        lambda: (stored("methods")["steps"], in_words(len(set(stored("methods")["elicited"])))),
    ),
    Number(
        LESSON_9,
        "Ten tokens are no surer: they fail for {} of {} seeds",
        lambda: [*map(in_words, ((skills(TEN)[0] < 0.1).sum(), len(skills(TEN)[0])))],
    ),
    Claim(
        LESSON_9,
        "it calls up, it does not teach",
        lambda: np.minimum(skills(PROMPT)[0] - 0.95, 0.02 - skills(PROMPT)[1:].max(axis=0)),
    ),
    Claim(
        LESSON_9,
        "A prefix calls up just as well",
        lambda: 0.02 - abs(skills(PREFIX)[0] - skills(PROMPT)[0]),
    ),
    Claim(
        LESSON_9,
        "On add 5 it is behind LoRA with twice its numbers in every seed",
        lambda: np.where(trained(ATTENTION) == 2 * trained(PREFIX), apart(), -1),
    ),
    Number(
        LESSON_9,
        "by as little as {:.2f} and as much as {:.2f}",
        lambda: (apart().min(), apart().max()),
    ),
    Claim(
        LESSON_9,
        "It does, on all three tasks, in every seed; so does QLoRA r 4 on attention",
        lambda: np.min([skills(name) for name in (FULL, f"Q{ATTENTION}")], axis=(0, 1)) - 0.99,
    ),
    Claim(
        LESSON_9,
        "and LoRA r 4 there in all runs but one at most",
        lambda: np.sort(skills(ATTENTION).ravel())[1:] - 0.99,
    ),
    Number(
        LESSON_9, "with {:.0f} % of the numbers", lambda: [100 * trained(ATTENTION) / trained(FULL)]
    ),
    Claim(
        LESSON_9,
        "On the third task all others fall short in one seed or more",
        lambda: [
            0.99 - skills(n)[2].min() for n in stored("methods")["rows"] if n not in ALL_RIGHT
        ],
    ),
    Claim(
        LESSON_9,
        "Here it is worse on add 5, in every pair",
        lambda: skills(PREFIX)[1] - skills(WITH_MLP)[1],
    ),
    Number(
        LESSON_9,
        "and for {} seed it fails to call up",
        lambda: [in_words((skills(WITH_MLP)[0] < 0.5).sum())],
    ),
    Claim(
        LESSON_9,
        "α = 64 and α = 1 are not told apart at rank 1",
        lambda: skills(LARGE_ALPHA)[2] - skills(RANK_1)[2],
        holds=False,
    ),
]
