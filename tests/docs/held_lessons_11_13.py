"""What lessons 11 and 13 say of stored runs: what a model reads, and a real one."""

import numpy as np

from docs.margins import Claim, Given, Number, alike, in_words, stored
from lora_np.course.experiments import patterns, raft

LESSON_11, LESSON_13 = "notebooks/11_what_it_reads.ipynb", "notebooks/13_a_real_model.ipynb"


def read(P, column):
    """Right answers a seed; columns: 0 golden there, 1 by heart, 2 moving, 3 changed."""
    name = P if isinstance(P, str) else raft.name_of(P)
    return np.transpose(stored("raft")["rows"][name])[column]


def least(column, sign, others="base"):
    """The least of P = 0 to 0.8 against the base, a seed."""
    differences = [sign * (read(P, column) - read(others, column)) for P in raft.SHARES[:-1]]
    return np.min(differences, axis=0)


def right(name):
    """(seeds, sizes)"""
    return np.array(stored("patterns")["rows"][name])


def ahead(rival):
    """(seeds, sizes): the pattern less its rival number 0, 1 or 2."""
    ours, theirs = patterns.RIVALS[rival]
    return right(ours) - right(theirs)


def film():
    return np.array(stored("patterns")["zero"])[:, 2]


def wins(rival, size=0):
    return in_words((ahead(rival)[:, size] > 0).sum())


def perplexities(name):
    """A number a seed, on SmolLM2."""
    return np.array([run["perplexity"] for run in stored("real_nf4")["rows"][name]])


LORA, QLORA = "LoRA on float32", "QLoRA (NF4, scales in 8 bits)"

HELD_11 = [
    Number(
        LESSON_11,
        "Now {} seeds, {} values of P, {} steps, each seed with a world of its own",
        lambda: (
            in_words(stored("raft")["seeds"]),
            in_words(len(stored("raft")["shares"])),
            stored("raft")["steps"],
        ),
    ),
    Claim(
        LESSON_11,
        "RAG's row is the base's, as BM25 found each golden document",
        lambda: [share - 1 + 1e-9 for share in stored("raft")["recall"]],
    ),
    Claim(
        LESSON_11,
        "P = 1 teaches nothing here: all four columns stay the base's",
        lambda: [0.02 - abs(read(1.0, k) - read("base", k)).max() for k in range(4)],
    ),
    Claim(
        LESSON_11,
        "Reading was already perfect, and the golden document always found",
        lambda: np.min([read("base", k) for k in (0, 2, 3)], axis=0) - 0.99,
    ),
    Claim(LESSON_11, "Any P below 1 teaches the six by heart, in every seed", lambda: least(1, +1)),
    Claim(LESSON_11, "More of them at 0.4 than at 0.8", lambda: read(0.4, 1) - read(0.8, 1)),
    *(
        Claim(
            LESSON_11,
            "which P below that is surest, five seeds do not tell",
            lambda P=P: read(P, 1) - read(0.4, 1),
            holds=False,
        )
        for P in (0.0, 0.2, 0.6)
    ),
    Claim(LESSON_11, "at 0 the ten moving animals are lost", lambda: 0.2 - read(0.0, 2)),
    Claim(
        LESSON_11,
        "and at 0.2 fewer are read than at 0.4, in every pair",
        lambda: read(0.4, 2) - read(0.2, 2),
    ),
    Claim(
        LESSON_11, "the model recites more than the base does, in every seed", lambda: least(3, -1)
    ),
    Claim(
        LESSON_11,
        "The price is lower at 0.6 than at 0.4, and gone at 1",
        lambda: np.minimum(read(0.6, 3) - read(0.4, 3), read(1.0, 3) - 0.98),
    ),
    Claim(
        LESSON_11,
        "between 0.6 and 0.8 the pairs do not tell",
        lambda: read(0.8, 3) - read(0.6, 3),
        holds=False,
    ),
    Claim(
        LESSON_11,
        "With no label at all the pattern is well above chance, 0.5",
        lambda: np.min(stored("patterns")["zero"], axis=1) - 0.7,
    ),
    Number(
        LESSON_11,
        "(c). The pattern wins in {} of {}. With LoRA it wins in all {}, but one head",
        lambda: (wins(0), in_words(len(ahead(0))), wins(1)),
    ),
    Claim(
        LESSON_11,
        "one head that learnt nothing makes most of the mean",
        lambda: alike(ahead(1)[:, 0].max() / ahead(1)[:, 0].sum() - 0.5),
    ),
    *(
        Claim(
            LESSON_11,
            "averaged over the four numbers of labels, the pattern is ahead of a new head in every "
            "seed where all numbers train, and of a head trained alone",
            lambda rival=rival: ahead(rival).mean(axis=1),
        )
        for rival in (0, 2)
    ),
    *(
        Claim(
            LESSON_11,
            "With LoRA, and with four labels by themselves, five seeds do not tell",
            lambda rival=rival, at=at: ahead(rival)[:, at].mean(axis=1),
            holds=False,
        )
        for rival, at in ((1, slice(None)), (0, slice(1)), (1, slice(1)), (2, slice(1)))
    ),
    Claim(
        LESSON_11,
        "one pattern, before any label, is ahead of a head that saw four",
        lambda: film() - right("new head, all numbers")[:, 0],
    ),
    Claim(
        LESSON_11,
        "labels changed nothing there",
        lambda: np.array(stored("patterns")["each_pattern"])[:, 0, 2] - film(),
        holds=False,
    ),
    Given(LESSON_11, "So five seeds, by", "a setting"),
    Given(LESSON_11, "The paper finds the best $P$ between 0.4 and 1", "Zhang et al. 2024, 4.4"),
]
HELD_13 = [
    Number(
        LESSON_13,
        "QLoRA ends at a perplexity of {:.2f} where LoRA ends at {:.2f}",
        lambda: (perplexities(QLORA).mean(), perplexities(LORA).mean()),
    ),
    Claim(
        LESSON_13,
        "above it in each of three pairs",
        lambda: perplexities(QLORA) - perplexities(LORA),
    ),
    Number(
        LESSON_13,
        "After {} steps of four, in the longer runs below, it is more than nine in ten of {}",
        lambda: (stored("real_skill")["steps"], stored("real_skill")["tests"]),
    ),
    Claim(
        LESSON_13,
        "it is more than nine in ten of 24, in every seed",
        lambda: [
            run["new forms"] - 0.9 for run in stored("real_skill")["rows"]["LoRA r 8, everywhere"]
        ],
    ),
    Number(
        LESSON_13,
        "of {} sentences, one is {:.2f}",
        lambda: (stored("real_skill")["tests"], 1 / stored("real_skill")["tests"]),
    ),
    Given(LESSON_13, "with --seeds 3, over three seeds", "a setting; raft was run over two"),
]
