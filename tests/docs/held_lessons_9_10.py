"""What lesson 10 says of stored runs: a teacher that teaches."""

import numpy as np

from docs.margins import Claim, Number, in_words, stored
from lora_np.course.experiments import context, distillation

LESSON_10 = "notebooks/10_what_teaches.ipynb"


def ends(*scores):
    return [end(values) for values in scores for end in (np.min, np.max)]


def gap(way, n, column="end"):
    return distillation.gaps(stored("distillation"), way, n, column)


def last_steps(n):
    """By how much each student still improves at its last check, of every seed and way."""
    runs = stored("distillation")["runs"]
    ways = [student[str(n)]["way"] for run in runs for student in run["students"].values()]
    return [way[-2] - way[-1] for way in ways]


def shares_of_hard():
    numbers = stored("distillation")
    return [gap("teacher, T = 1", n) / gap("hard labels", n) for n in numbers["texts"]]


def before_its_first_step():
    runs = stored("distillation")["runs"]
    start = [run["students"]["hard labels"]["20"]["way"][0] for run in runs]
    return 1e-9 - abs(gap("hard labels", 20, "best") - start)


def instructed(name, column):
    return np.array(context.column_of(stored("context"), name, column))


NEW, FEW = (f"{context.SOFT}, {what} strings" for what in ("new", "64"))


HELD_10 = [
    Number(
        LESSON_10,
        "the gap is a share of the hard labels' from {:.2f} to {:.2f}",
        lambda: ends(shares_of_hard()),
    ),
    Claim(
        LESSON_10,
        "100 texts with a teacher leave less of it than 500 without, in every pair",
        lambda: gap("hard labels", 500) - gap("teacher, T = 1", 100),
    ),
    Claim(
        LESSON_10,
        "the hard labels' best is, in every seed, the student before its first step",
        before_its_first_step,
    ),
    Claim(LESSON_10, "every student still improves at its last step", lambda: last_steps(500)),
    Claim(
        LESSON_10,
        "with 20 texts $T = 1$ is ahead of $T = 2$",
        lambda: gap("teacher, T = 2", 20) - gap("teacher, T = 1", 20),
    ),
    *(
        Claim(
            LESSON_10,
            "with more, the pairs do not tell. Hinton",
            lambda n=n: gap("teacher, T = 2", n) - gap("teacher, T = 1", n),
            holds=False,
        )
        for n in (100, 500)
    ),
    *(
        Claim(
            LESSON_10,
            "half and half, hurts with 20 and 100 texts; with 500 the pairs do not tell",
            lambda n=n: gap("T = 2, half hard", n) - gap("teacher, T = 2", n),
            holds=n < 500,
        )
        for n in (20, 100, 500)
    ),
    Claim(
        LESSON_10,
        "Our teacher is nearly the truth",
        lambda: [0.1 - run["teacher"] for run in stored("distillation")["runs"]],
    ),
    Number(
        LESSON_10,
        "In the {} seeds below, it keeps at most {:.2f} of the other skills' answers",
        lambda: (in_words(len(instructed(NEW, "others"))), instructed(NEW, "others").max()),
    ),
    Claim(
        LESSON_10,
        "the skill itself fails behind its own letters",
        lambda: 0.3 - instructed(NEW, "with"),
    ),
    Number(
        LESSON_10,
        "Below it stand {} seeds, each with another skill",
        lambda: [in_words(len({run["skill"] for run in stored("context")["runs"]}))],
    ),
    Claim(
        LESSON_10,
        'It does as well as "its probabilities"',
        lambda: (
            0.02
            - abs(
                instructed(NEW, "without") - instructed(f"{context.HARD}, new strings", "without")
            )
        ),
    ),
    Claim(
        LESSON_10,
        "here it is new strings that teach, not soft targets",
        lambda: instructed(NEW, "without") - instructed(FEW, "without"),
    ),
    Claim(
        LESSON_10,
        "answers everything with it unless it is held",
        lambda: instructed(context.HELD, "others") - instructed(NEW, "others") - 0.5,
    ),
]
