"""What lesson 9b says of stored runs: every shape of ΔW beside a tuned LoRA."""

from docs.margins import Claim, Given, Number, in_words, stored
from lora_np.course.experiments import shapes

PAGE = "notebooks/09b_shapes.ipynb"
AGAIN = "Sandybridge/shapes"


def ahead_by(name, task="code", budget=4, runs="shapes"):
    """(seeds,): how far the method's loss is below LoRA's."""
    numbers = stored(runs)
    lora, own = (shapes.losses(numbers, each, task, budget) for each in ("LoRA", name))
    return lora - own


def ahead(budget, task="strings"):
    return shapes.against_lora(stored("shapes"), task, budget)[0]


def listed(names):
    return ", ".join(names[:-1]) + f" and {names[-1]}"


HELD_9B = [
    Number(PAGE, "{} new seeds", lambda: [in_words(stored("shapes")["seeds"])]),
    Number(
        PAGE,
        "AdaLoRA ends {:.3f} nats a byte ahead of LoRA and DoRA {:.3f}",
        lambda: [ahead_by(name).mean() for name in ("AdaLoRA", "DoRA")],
    ),
    Claim(PAGE, "AdaLoRA ends", lambda: ahead_by("AdaLoRA")),
    Claim(PAGE, "and DoRA 0.003, in every seed", lambda: ahead_by("DoRA")),
    Number(
        PAGE,
        "Of the {} others {} end behind it",
        lambda: [
            len(shapes.there(stored("shapes"), "code", 4)) - 1,
            len(shapes.against_lora(stored("shapes"), "code", 4)[1]),
        ],
    ),
    Number(
        PAGE,
        "At rank 1 {} are ahead of it, at rank 16 {}",
        lambda: [
            listed(ahead(1, "code")),
            listed(ahead(16, "code")) if ahead(16, "code") else "none",
        ],
    ),
    Number(
        PAGE,
        "at rank 1 {} are ahead ({}), at rank 4 {} ({}), at rank 16 {}",
        lambda: [
            in_words(len(ahead(1))),
            listed(ahead(1)),
            in_words(len(ahead(4))),
            listed(ahead(4)),
            in_words(len(ahead(16))) if ahead(16) else "none",
        ],
    ),  # fmt: skip
    Claim(PAGE, "repeats the lead of AdaLoRA", lambda: ahead_by("AdaLoRA", runs=AGAIN)),
    Claim(PAGE, "DoRA and HiRA (rank 4) in every seed", lambda: ahead_by("DoRA", runs=AGAIN)),
    Claim(PAGE, "HiRA (rank 4) in every seed", lambda: ahead_by("HiRA", "strings", runs=AGAIN)),
    Claim(PAGE, "HiRA and SHiRA", lambda: ahead_by("HiRA", "strings")),
    Given(PAGE, "the root of 56/96 (0.76)", "arithmetic: 96 numbers less 40 directions"),
    Given(PAGE, "PEFT 0.21 takes a correlation both times", "a version, and its source"),
    Given(PAGE, "rsLoRA 0.513, SHiRA 0.510, LoRA 0.478, DoRA 0.469", "PEFT's published table"),
]
