"""What WHICH_METHOD says of findings of others that were tried here, held to the stored runs."""

import numpy as np

from docs.margins import Claim, Number, stored
from lora_np.course.experiments import alpha, capacity, few_numbers, load, methods_text, trained_by
from lora_np.course.experiments.protocol import by_seed

WHICH, R8 = "notebooks/WHICH_METHOD.md", "LoRA r 8, everywhere"


def difference(experiment, claim, sign=1):
    """The differences behind one of an experiment's claims, read when the claim is tried."""

    def read():
        return sign * np.asarray(load(experiment).claims(stored(trained_by(experiment)))[claim])

    return read


def all_but_a_twentieth():
    lost = difference("intruders", f"gain on code: {R8}, 0.75 of all of it, less before")()
    return lost + 0.05 * by_seed(stored("methods_text"), R8, methods_text.gain)


def held_by_rank_1():
    numbers, name = stored("capacity"), "LoRA r 1"
    return (capacity.capacity(numbers, name) / capacity.numbers_trained(numbers, name)).mean()


ROWS = (  # what the page says, the experiment, its claim, its sign; 0: the pairs do not decide
    (
        "rank 1 falls behind full fine-tuning at 96",
        "capacity",
        "96 strings: LoRA r 1 less full",
        -1,
    ),
    ("and rank 4 at 192, in every pair", "capacity", "192 strings: LoRA r 4 less full", -1),
    ("rank 8 is not told apart from it there", "capacity", "192 strings: LoRA r 8 less full", 0),
    (
        "larger batches hurt rank 1 more than full fine-tuning, in every pair",
        "batch_size",
        "LoRA r 1 less full: at batch 512 less at batch 32",
        1,
    ),
    (
        "rank 8 is not told apart from it in that",
        "batch_size",
        "LoRA r 8 less full: at batch 512 less at batch 32",
        0,
    ),
    ("rank 8 is ahead at 64", "batch_size", "batch 64: LoRA r 8 less full", -1),
    ("and at 128", "batch_size", "batch 128: LoRA r 8 less full", -1),
    ("and not told apart at 256", "batch_size", "batch 256: LoRA r 8 less full", 0),
    ("at 256 and 512", "batch_size", "batch 512: LoRA r 8 less full", 0),
    (
        "the best α grows with r, in every pair",
        "alpha",
        "slope of ln α over ln r, less one α for all ranks's",
        1,
    ),
    ("and more slowly than r", "alpha", "slope of ln α over ln r, less α ∝ r's", -1),
    ("from √r it is not told apart", "alpha", "slope of ln α over ln r, less α ∝ √r's", 0),
    (
        "that explains more of it than the gain does, in every pair",
        "razor",
        "forgetting, explained: by KL less by gain",
        1,
    ),
    (
        "LoRA has more of them than full fine-tuning, in every pair",
        "intruders",
        f"intruders: {R8} less full",
        1,
    ),
    (
        "three quarters of ΔW of rank 8 forget less, in every pair",
        "intruders",
        f"prose forgotten: {R8}, 0.75 of all of it, less before",
        -1,
    ),
)
HELD_FINDINGS = [
    Claim(WHICH, says, difference(experiment, claim, sign or 1), holds=sign != 0)
    for says, experiment, claim, sign in ROWS
]
HELD_FINDINGS += [
    Claim(WHICH, "and keep all but a twentieth of the gain", all_but_a_twentieth),
    *(
        Claim(
            WHICH,
            "is a reward told apart from labels",
            difference("few_numbers", claim),
            holds=False,
        )
        for claim in load("few_numbers").claims(stored("few_numbers"))
    ),
]
HELD_FINDINGS += [
    Number(
        WHICH, "Rank 1 holds at most {:.2f} bits a trained parameter", lambda: [held_by_rank_1()]
    ),
    Number(
        WHICH,
        "by {:.2f} nats from a batch of 32 to one of 512",
        lambda: [
            difference("batch_size", "LoRA r 1 less full: at batch 512 less at batch 32")().mean()
        ],
    ),
    Number(
        WHICH,
        "The slope of ln α over ln r is {:.2f}",
        lambda: [alpha.slopes(stored("alpha")).mean()],
    ),
    Number(
        WHICH,
        "With 13, labels reach {:.2f} of the gain of rank 4, and a reward {:.2f}",
        lambda: [
            few_numbers.shares(stored("few_numbers"), "TinyLoRA, 13", teacher).mean()
            for teacher in ("labels", "reward")
        ],
    ),
]
