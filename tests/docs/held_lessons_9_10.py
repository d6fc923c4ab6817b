"""What lesson 9 says of stored runs: what moves."""

import numpy as np

from docs.margins import Claim, Number, in_words, stored

LESSON_9 = "notebooks/09_what_moves.ipynb"
FULL, ATTENTION, HOULSBY = (
    "full fine-tuning",
    "LoRA r 4, attention's qkv",
    "Houlsby adapters, width 8",
)
LARGER = (  # methods whose larger rate was the better of two, as two pages say
    "LoRA r 1, everywhere", "Pfeiffer adapters, width 8", "IA3", "BitFit", "prefix, 4 positions",
    "prompt, 4 tokens", "prompt, 10 tokens", "head",
)  # fmt: skip


def skills(name):
    """(3, seeds): answers all right on a known skill, on + 5, on reverse + 1."""
    return np.transpose(stored("methods")["rows"][name]["accuracy"])


def ends(*scores):
    return [end(values) for values in scores for end in (np.min, np.max)]


def rates_are_the_better_of_two():
    """For each method, 1 if it ran at the better of two rates, the larger if it is in LARGER."""
    found = []
    for name, row in stored("methods")["rows"].items():
        tried = [run for run in stored("method_rates") if run["name"] == name]
        if tried:  # QLoRA runs at LoRA's
            best = max(tried, key=lambda run: (run["mean"], -run["lr"]))["lr"]
            largest = max(run["lr"] for run in tried)
            as_said = row["learning_rate"] == best and (best == largest) == (name in LARGER)
            found.append(1 if as_said and len(tried) == 2 else -1)
    return found


HELD_9 = [
    Number(
        LESSON_9,
        "three tasks, {} steps and {} seeds, each seed with another known skill",
        lambda: (stored("methods")["steps"], in_words(len(set(stored("methods")["elicited"])))),
    ),
    Number(
        LESSON_9,
        "In the figure each seed calls another known skill, and the head's bar runs from {:.0f} "
        "to {:.2f}",
        lambda: ends(skills("head")[0]),
    ),
    Claim(
        LESSON_9,
        "at the better of two learning rates, tried on one other seed. (For LoRA r 1, Pfeiffer "
        "adapters, IA3, BitFit, prefix, prompts and head that was the larger of the two",
        rates_are_the_better_of_two,
    ),
    Number(
        LESSON_9,
        "ten tokens, at the rate chosen for them, failed for {} of {} seeds",
        lambda: [*map(in_words, ((skills("prompt, 10 tokens")[0] < 0.1).sum(), 5))],
    ),
    Claim(
        LESSON_9,
        "A prefix calls up just as well",
        lambda: 0.01 - abs(skills("prefix, 4 positions")[0] - skills("prompt, 4 tokens")[0]),
    ),
    Claim(
        LESSON_9,
        "On add 5 it is far behind LoRA with twice its numbers in every seed",
        lambda: skills(ATTENTION)[1] - skills("prefix, 4 positions")[1] - 0.2,
    ),
    Claim(
        LESSON_9,
        "On the first two tasks others reach the same with a few percent of the numbers",
        lambda: skills(ATTENTION)[:2].min(axis=0) - 0.998,
    ),
    Claim(
        LESSON_9,
        "only full fine-tuning gets all strings right in every seed",
        lambda: [
            skills(name)[2].min() - 1 + 1e-9 if name == FULL else 1 - skills(name)[2].min()
            for name in stored("methods")["rows"]
        ],
    ),
    Number(
        LESSON_9,
        "Houlsby adapters get {:.2f} to {:.2f} of them, and LoRA on attention {:.2f} to {:.2f}",
        lambda: ends(skills(HOULSBY)[2], skills(ATTENTION)[2]),
    ),
]
