"""What lesson 10 says of stored runs: a teacher that teaches, and one that is the model itself."""

import numpy as np

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments import context, distillation, on_policy

LESSON_10 = "notebooks/10_what_teaches.ipynb"
HARD, ERRING, DRAWS = distillation.HARD, distillation.ERRING, distillation.DRAWS
PLAIN, SOFT, TENTH, HALF = list(distillation.WAYS)[1:]
NEW, FEW = (f"{context.SOFT}, {what} strings" for what in ("new", "64"))


def gap(way, n):
    """A student's on test texts, a seed."""
    return distillation.gaps(stored("distillation"), way, n)


def less(ours, theirs, *texts):
    """How much larger the second way's gap is, the least over these numbers of texts, a seed."""
    return np.min([gap(theirs, n) - gap(ours, n) for n in texts], axis=0)


def teacher(who="erring"):
    return np.array([run[who] for run in stored("distillation")["runs"]])


def still_falling():
    """Whether the gap on validation texts was least at the last step, a seed."""
    stopped = distillation.gaps(stored("distillation"), ERRING + SOFT, 800, "stopped")
    return stopped == stored("distillation")["steps"]


def instructed(name, column):
    return np.array(context.column_of(stored("context"), name, column))


def on_the_way(ours, theirs):
    """The mean of p(right digit), one way's less another's, a seed."""
    one, two = (on_policy.by_seed(stored("on_policy"), way, "mean") for way in (ours, theirs))
    return one - two


HELD_10 = [
    Number(
        LESSON_10,
        "{} seeds, tuned rates, students stopped where they are best on validation texts",
        lambda: [in_words(len(stored("distillation")["runs"]))],
    ),
    Number(
        LESSON_10,
        "The erring one read {} texts and is wrong in places",
        lambda: [stored("distillation")["erring_texts"]],
    ),
    Claim(LESSON_10, "(a), in every seed", lambda: teacher() - gap(ERRING + PLAIN, 800)),
    Claim(
        LESSON_10,
        "what happens with 50 texts, in every seed",
        lambda: gap(ERRING + PLAIN, 50) - teacher(),
    ),
    Claim(
        LESSON_10,
        "its probabilities leave a smaller gap than hard labels for each number of texts, in all "
        "five pairs",
        lambda: less(PLAIN, HARD, 50, 200, 800),
    ),
    Claim(
        LESSON_10,
        "200 texts with a teacher leave less than 800 without, in every pair",
        lambda: gap(HARD, 800) - gap(PLAIN, 200),
    ),
    Claim(
        LESSON_10,
        "still hands on more by its probabilities than by draws from them, in every pair with 200 "
        "texts or 800",
        lambda: less(ERRING + PLAIN, ERRING + DRAWS, 200, 800),
    ),
    Claim(
        LESSON_10,
        "with 800 texts the text's own labels are better than its probabilities, in every pair",
        lambda: less(HARD, ERRING + PLAIN, 800),
    ),
    Claim(
        LESSON_10,
        "a tenth helps beside the erring teacher, with 200 and 800 texts, in every pair",
        lambda: less(ERRING + TENTH, ERRING + SOFT, 200, 800),
    ),
    *(
        Claim(
            LESSON_10,
            "Beside the good one no difference from none holds on every kind of processor",
            lambda n=n: gap(TENTH, n) - gap(SOFT, n),
            holds=False,
        )
        for n in distillation.TEXTS
    ),
    *(
        Claim(
            LESSON_10,
            "between $\\tau = 1$ and $\\tau = 2$ no difference holds on every kind of processor",
            lambda who=who, n=n: gap(who + SOFT, n) - gap(who + PLAIN, n),
            holds=False,
        )
        for who in ("", ERRING)
        for n in distillation.TEXTS
    ),
    Number(
        LESSON_10,
        "with 800 texts, {} of {} students of the erring teacher were still falling at step {}",
        lambda: [
            in_words(sum(still_falling())),
            in_words(len(still_falling())),
            stored("distillation")["steps"],
        ],
    ),  # fmt: skip
    Number(
        LESSON_10,
        "prints a stored study of {} seeds, each with another skill",
        lambda: [in_words(len({run["skill"] for run in stored("context")["runs"]}))],
    ),
    Claim(
        LESSON_10,
        "The skill itself mostly fails behind its own letters",
        lambda: 0.3 - instructed(NEW, "with"),
    ),
    Claim(
        LESSON_10,
        "LoRA keeps at most 0.01 of the other skills' answers, in all five seeds",
        lambda: 0.01 - instructed(NEW, "others"),
    ),
    Claim(LESSON_10, "Held, the others stay", lambda: instructed(context.HELD, "others") - 0.9),
    Claim(
        LESSON_10,
        "The skill itself loses a little by it, in every pair",
        lambda: instructed(NEW, "without") - instructed(context.HELD, "without"),
    ),
    Claim(
        LESSON_10,
        "New strings teach more than 64 strings seen again and again, in every pair",
        lambda: instructed(NEW, "without") - instructed(FEW, "without"),
    ),
    *(
        Claim(
            LESSON_10,
            'it and "its probabilities" are not told apart',
            lambda half=half: (
                instructed(f"{context.SOFT}, {half}", "without")
                - instructed(f"{context.HARD}, {half}", "without")
            ),
            holds=False,
        )
        for half in ("new strings", "64 strings")
    ),
    Claim(
        LESSON_10,
        "it answers everything with it unless it is held",
        lambda: instructed(context.HELD, "others") - instructed(NEW, "others") - 0.5,
    ),
    *(
        Claim(
            LESSON_10,
            "own texts, the teacher's texts and labels are not told apart",
            lambda ours=ours, theirs=theirs: on_the_way(ours, theirs),
            holds=False,
        )
        for ours, theirs in (
            (on_policy.OWN, on_policy.THEIRS),
            (on_policy.OWN, on_policy.LABELS),
            (on_policy.OWN_REVERSE, on_policy.OWN),
        )
    ),
    Claim(
        LESSON_10,
        "The reward is behind the teacher in all five pairs",
        lambda: on_the_way(on_policy.OWN, on_policy.REWARD),
    ),
    Claim(
        LESSON_10,
        "by amounts so uneven that our rule does not call them apart",
        lambda: on_the_way(on_policy.OWN, on_policy.REWARD),
        holds=False,
    ),
    Given(
        LESSON_10,
        "Two ways are told apart only if all five differences",
        "the rule of common.told_apart",
    ),
]
