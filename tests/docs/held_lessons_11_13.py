"""What lessons 11 and 13 say of stored runs: what a model reads, and a real one."""

import numpy as np

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments import patterns, raft
from lora_np.course.experiments.real.common import between

LESSON_11, LESSON_13 = "notebooks/11_what_it_reads.ipynb", "notebooks/13_a_real_model.ipynb"
BELOW_1 = raft.SHARES[:-1]


def read(way, column):
    """Right answers a seed, by a way's name or by P; a column's name or number."""
    name = way if isinstance(way, str) else raft.name_of(way)
    k = column if isinstance(column, int) else stored("raft")["columns"].index(column)
    return np.transpose(stored("raft")["rows"][name])[k]


def least(column, sign, others="base"):
    """The least of P = 0.2 to 0.8 against the base, a seed."""
    differences = [sign * (read(P, column) - read(others, column)) for P in BELOW_1]
    return np.min(differences, axis=0)


def ahead_of(*ways, column="retrieved"):
    """P = 0.6 less the best of these ways, a seed."""
    return read(0.6, column) - np.max([read(way, column) for way in ways], axis=0)


def right(name):
    """(seeds, sizes)"""
    return np.array(stored("patterns")["rows"][name])


def ahead(rival, base=patterns.WITH):
    """(seeds, sizes): the pattern less its rival number 0, 1 or 2."""
    return patterns.advantage(stored("patterns"), *patterns.RIVALS[rival], base)


def film():
    return np.array(stored("patterns")["zero"])[:, 2]


def perplexities(name):
    """A number a seed, on SmolLM2."""
    return np.array([run["perplexity"] for run in stored("real_nf4")["rows"][name]])


LORA, QLORA = "LoRA on float32", "QLoRA (NF4, scales in 8 bits)"

HELD_11 = [
    Given(
        LESSON_11,
        "\\frac{2.5\\,f}{f + 1.5\\,(0.25 + 0.75\\;\\text{length})}",
        "BM25's usual constants",
    ),
    Given(
        LESSON_11, "The usual 1.5 (in papers $k_1$, and $2.5 = k_1 + 1$) says how soon", "the same"
    ),
    Given(LESSON_11, "The usual 0.75 says how much less", "the same"),
    Number(
        LESSON_11,
        "Now {} seeds, each with a world of its own",
        lambda: [in_words(stored("raft")["seeds"])],
    ),
    Claim(
        LESSON_11,
        "P = 0.6$ is ahead of the base with RAG, of DSF and of golden alone in all five pairs",
        lambda: ahead_of("base", raft.DSF, raft.ALONE),
    ),
    Claim(
        LESSON_11,
        "Trained with far ones it reads fewer of the moving animals, in every pair",
        lambda: ahead_of(raft.FAR, column="moving, golden"),
    ),
    Claim(
        LESSON_11,
        "it is a little worse than the base behind far ones, in every pair",
        lambda: -ahead_of("base", column="far distractors"),
    ),
    Claim(
        LESSON_11,
        "Any $P$ below 1 teaches the six by heart, in every seed",
        lambda: least("distractors only", +1) - 0.8,
    ),
    Claim(LESSON_11, "P = 1$ teaches none", lambda: 0.15 - read(1.0, "distractors only")),
    Claim(
        LESSON_11,
        "Behind what is retrieved, golden or not, $P = 1$ is below $P = 0.8$ in every pair",
        lambda: read(0.8, "retrieved") - read(1.0, "retrieved"),
    ),
    Claim(
        LESSON_11,
        "every $P$ below 1 recites more than the base, in every seed",
        lambda: least("golden changed", -1),
    ),
    Claim(LESSON_11, "P = 1$ reads.", lambda: read(1.0, "golden changed") - 0.95),
    *(
        Claim(
            LESSON_11,
            "here 0.4, 0.6 and 0.8 are not told apart",
            lambda one=one, two=two, column=column: read(one, column) - read(two, column),
            holds=False,
        )
        for one, two in ((0.6, 0.4), (0.8, 0.6), (0.8, 0.4))
        for column in ("retrieved", "golden changed")
    ),
    Given(LESSON_11, "The paper finds the best $P$ between 0.4 and 1", "Zhang et al. 2024, 4.4"),
    Claim(
        LESSON_11,
        "a pattern is a classifier for free, well above chance, 0.5",
        lambda: np.min(stored("patterns")["zero"], axis=1) - 0.6,
    ),
    Claim(
        LESSON_11,
        "For the other base the two words mean nothing",
        lambda: 0.05 - abs(np.array(stored("patterns")["zero_without"]) - 0.5).max(axis=1),
    ),
    Number(
        LESSON_11,
        "(c). The pattern is ahead in {} of {}",
        lambda: map(in_words, ((ahead(0, patterns.WITHOUT)[:, 0] > 0).sum(), len(ahead(0)))),
    ),
    *(
        Claim(
            LESSON_11,
            "Averaged over the three numbers of labels, the pattern is ahead of a new head in all "
            "ten seeds where all numbers train, on either base; and of a head trained alone",
            lambda rival=rival, base=base: ahead(rival, base).mean(axis=1),
        )
        for rival in (0, 2)
        for base in patterns.BASES
    ),
    Claim(
        LESSON_11,
        "With LoRA that holds for the base that read verdicts",
        lambda: ahead(1).mean(axis=1),
    ),
    Claim(
        LESSON_11,
        "for the other the ten seeds do not tell",
        lambda: ahead(1, patterns.WITHOUT).mean(axis=1),
        holds=False,
    ),
    Claim(
        LESSON_11,
        "it is larger for the base that did, in every pair",
        lambda: (ahead(1) - ahead(1, patterns.WITHOUT)).mean(axis=1),
    ),
    *(
        Claim(
            LESSON_11,
            "With four labels by themselves, ten seeds do not tell",
            lambda rival=rival, base=base: ahead(rival, base)[:, 0],
            holds=False,
        )
        for rival in (0, 1)
        for base in patterns.BASES
    ),
    Claim(
        LESSON_11,
        "a few heads that learnt nothing make up most of the mean lead",
        lambda: [np.sort(ahead(0)[:, 0])[-3:].sum() / ahead(0)[:, 0].sum() - 0.5] * 3,
    ),
    *(
        Claim(
            LESSON_11,
            "Nor do they tell whether few labels are where the lead is largest",
            lambda rival=rival, base=base: ahead(rival, base)[:, 0] - ahead(rival, base)[:, -1],
            holds=False,
        )
        for rival in (0, 1, 2)
        for base in patterns.BASES
    ),
    Claim(
        LESSON_11,
        "has seen no label yet and is ahead of a new head that saw four",
        lambda: film() - right("new head, all numbers")[:, 0],
    ),
    *(
        Claim(
            LESSON_11,
            "labels changed nothing there",
            lambda k=k: np.array(stored("patterns")["each_pattern"])[:, k, 2] - film(),
            holds=False,
        )
        for k in range(3)
    ),
    Given(LESSON_11, 'its idf is 0.36, that of "newt" 1.2', "log(1 + 1.5/3.5), log(1 + 3.5/1.5)"),
]


def new_forms():
    """The real model's share of right answers in sentence forms that it never read."""
    runs = stored("real_skill")["rows"]["LoRA r 8, everywhere"]
    return min(1.0, np.mean([run["new forms"] for run in runs]))


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
        "After {} steps of four, in the longer runs below, {:.2f} of {} are right: by the cases "
        "alone, between {:.2f} and {:.2f}",
        lambda: (
            stored("real_skill")["steps"],
            new_forms(),
            stored("real_skill")["tests"],
            *between(new_forms(), stored("real_skill")["tests"]),
        ),
    ),
    Given(LESSON_13, "with --seeds 3, over three seeds", "a setting"),
]
