"""What WHICH_METHOD says of stored runs, but for its two tables, which are made from them."""

import sys

import numpy as np

from docs.held_lesson_10 import NEW, instructed
from docs.held_lessons_9_10 import rates_are_the_better_of_two, skills
from docs.held_lessons_11_13 import LORA, QLORA, least, perplexities, read
from docs.lesson_8_runs import FULL, R8, R32, forgotten, gain
from docs.margins import ROOT, Claim, Given, Number, in_words, stored
from lora_np.course.experiments import context
from lora_np.recipes.finetune import share_of_gain

sys.path.insert(0, str(ROOT / "benchmarks" / "tuning"))

import which_method  # noqa: E402

WHICH, ALL = "notebooks/WHICH_METHOD.md", "LoRA r 8, everywhere"


def pair(number):
    """The differences in one row of the page's second table."""
    *_, ours, theirs = list(which_method.compared())[number]
    return np.subtract(ours, theirs)


def on_text(name, measure):
    """measure(run, full fine-tuning's run), a seed."""
    runs = stored("methods_text")["runs"]
    return np.array([measure(*two) for two in zip(runs[name], runs[which_method.FULL])])


def part_of_gain(run, full):
    return share_of_gain(run, full, "code")


def trained(run, full):
    return run["trained"] / full["trained"]


def step(run, full):
    return run["cpu_ms_per_step"] / full["cpu_ms_per_step"]


def size_and_steps():
    """(millions of weights, steps)"""
    numbers = stored("methods_text")
    return numbers["runs"][which_method.FULL][0]["trained"] / 1e6, numbers["steps"]


def bytes_of(name):
    return np.array([run["bytes"] for run in stored("real_nf4")["rows"][name]])


HELD_WHICH = [
    Number(
        WHICH,
        "Two small worlds, {} seeds each",
        lambda: [in_words(stored("methods_text")["seeds"])],
    ),
    Number(
        WHICH,
        "A GPT of {:.2f} million weights that has read English prose learns Python code for {} s",
        size_and_steps,
    ),
    Number(
        WHICH,
        "A GPT of {:,} weights that knows eight",
        lambda: [stored("methods")["base_parameters"]],
    ),
    Claim(WHICH, "each at the better of two rates. Where that", rates_are_the_better_of_two),
    Claim(
        WHICH,
        "most of full's gain for under a tenth of the numbers",
        lambda: np.minimum(on_text(ALL, part_of_gain) - 0.5, 0.1 - on_text(ALL, trained)),
    ),
    Number(
        WHICH,
        "at a perplexity after training of {:.2f} where LoRA has {:.2f}",
        lambda: (perplexities(QLORA).mean(), perplexities(LORA).mean()),
    ),
    Claim(
        WHICH,
        "a third of SmolLM2's bytes",
        lambda: 0.02 - abs(bytes_of(QLORA) / bytes_of(LORA) - 1 / 3),
    ),
    Claim(
        WHICH,
        "on the small base, at r 8, its gain is not told apart from LoRA's",
        lambda: pair(2),
        holds=False,
    ),
    Claim(WHICH, "[lesson 8] shows gain over rank", lambda: gain(R32) - gain(R8)),
    Claim(WHICH, "DoRA gains more than LoRA", lambda: pair(1)),
    Claim(WHICH, "its step costs more than full's", lambda: pair(4)),
    Claim(
        WHICH,
        "they call up in every seed",
        lambda: np.minimum(skills("prompt, 4 tokens")[0], skills("prefix, 4 positions")[0]) - 0.99,
    ),
    Claim(
        WHICH, "a new skill, at the rates tried, a prefix learns worse than LoRA", lambda: -pair(6)
    ),
    Claim(
        WHICH, "and a prompt not at all", lambda: 0.01 - skills("prompt, 4 tokens")[1:].max(axis=0)
    ),
    Claim(
        WHICH,
        "it needs no label to begin with",
        lambda: np.min(stored("patterns")["zero"], axis=1) - 0.7,
    ),
    Claim(
        WHICH,
        "a third of the time: backward never enters the body",
        lambda: 0.1 - abs(on_text("head", step) - 1 / 3),
    ),
    Claim(
        WHICH,
        "trained with P below 1 it recites what it learnt even where the document says otherwise",
        lambda: least(3, -1),
    ),
    Claim(
        WHICH,
        "as the base read without error",
        lambda: np.min([read("base", k) for k in (0, 2, 3)], axis=0) - 0.99,
    ),
    Number(WHICH, "{:.1f} for 3 × 2", lambda: [3 * 2 / (3 + 2)]),
    Claim(WHICH, "after 64 kB of code LoRA lies behind it in all three seeds", lambda: pair(9)),
    Claim(
        WHICH, "Whether the gap grows with more, they do not tell", lambda: pair(10), holds=False
    ),
    Claim(
        WHICH,
        "After 150 steps what LoRA forgets is not told apart from what full fine-tuning does",
        lambda: pair(5),
        holds=False,
    ),
    Claim(
        WHICH,
        "after 300, each at its best rate, it is a little more",
        lambda: np.minimum(forgotten(R8), forgotten(R32)) - forgotten(FULL),
    ),
    Claim(
        WHICH,
        "other skills are kept by mixing them into training",
        lambda: instructed(context.HELD, "others") - instructed(NEW, "others") - 0.5,
    ),
    Claim(WHICH, "On text we find the latter too", lambda: pair(3)),
    Claim(
        WHICH,
        "with a quarter of the trained numbers",
        lambda: 0.01 - abs(on_text("LoRA r 8, c_attn", trained) / on_text(ALL, trained) - 0.25),
    ),
    Claim(
        WHICH, "with as many, five seeds do not tell the two apart", lambda: pair(8), holds=False
    ),
    Claim(
        WHICH,
        "a higher learning rate than full fine-tuning's",
        lambda: on_text(ALL, lambda run, full: run["lr"] - full["lr"]),
    ),
    *(
        Given(WHICH, says, "a definition")
        for says in (
            "Two methods are told apart where every pair agrees",
            "is the part of full fine-tuning's gain that the method reaches",
            "the best of a coarse grid",
            "the differences seed by seed say more",
        )
    ),
    *(
        Given(WHICH, says, "advice")
        for says in (
            "shorter texts or smaller batches; LoRA on fewer layers",
            "LoRA stays behind full and bytes allow",
            "a larger r, then DoRA, then full fine-tuning",
            "IA3 where bytes count most",
            "there is a better, larger model to ask",
        )
    ),
    Given(WHICH, "the papers find prompts and prefixes close to full fine-tuning", "cited"),
    Given(WHICH, "attention alone worse than all layers (LoRA Without Regret, 2025)", "cited"),
]
