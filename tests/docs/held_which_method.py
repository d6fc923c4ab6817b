"""What WHICH_METHOD says of stored runs, but for its two tables, which are made from them."""

import sys

import numpy as np

from docs.held_lesson_9 import skills
from docs.held_lesson_10 import NEW, instructed
from docs.held_lessons_11_13 import LORA, QLORA, least, perplexities, read
from docs.lesson_8_runs import (
    C_ATTN,
    DORA,
    FULL,
    R2,
    R8,
    R32,
    beyond_full,
    cut,
    forgotten,
    gain,
    half_rate,
    loss,
    of,
    ratio,
    settings,
    share,
    slope,
)
from docs.margins import ROOT, Claim, Given, Number, alike, in_words, stored
from lora_np import GPTConfig
from lora_np.course.experiments import context, methods_text, regret
from lora_np.memory import formulas

sys.path.insert(0, str(ROOT / "benchmarks" / "tuning"))

import which_method  # noqa: E402

WHICH = "notebooks/WHICH_METHOD.md"


def pair(number):
    """The differences in one row of the page's second table."""
    *_, ours, theirs = list(which_method.compared())[number]
    return np.subtract(ours, theirs)


def trained(name):
    return of(name, "trained") / of(FULL, "trained")


def step(name):
    """The smallest of the seeds' times, full fine-tuning's being 1."""
    return of(name, "cpu_ms").min() / of(FULL, "cpu_ms").min()


def size_and_steps():
    """(millions of weights, steps)"""
    return settings()[::-1]


def bytes_of(name):
    return np.array([run["bytes"] for run in stored("real_nf4")["rows"][name]])


def recomputed(n):
    """What recomputation keeps of full fine-tuning's activations at n blocks, by formula."""
    layers = "c_attn", "attn.c_proj", "c_fc", "mlp.c_proj"
    config, how = GPTConfig(n_layer=n), {"keeps": layers, "reads_head": True}
    some, whole = (formulas.activations(config, 8, 128, recompute=r, **how) for r in (True, False))
    return some / whole


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
    Claim(
        WHICH,
        "most of full's gain for under a tenth of the numbers",
        lambda: np.minimum(share(R8) - 0.5, 0.1 - trained(R8)),
    ),
    Claim(
        WHICH, "at several times full fine-tuning's learning rate", lambda: alike(ratio(R8)[1] - 2)
    ),
    Claim(WHICH, "the rate hardly depends on r", lambda: alike(0.1 - abs(slope(regret.RANKS)[0]))),
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
        "on the small base, at r 8, it gains a hundredth less than LoRA, in every pair",
        lambda: np.minimum(-pair(2), 1.5 + pair(2).mean()),
    ),
    Claim(WHICH, "r 32 gains more than r 8", lambda: gain(R32) - gain(R8)),
    Claim(WHICH, "and is not told apart from full", lambda: gain(FULL) - gain(R32), holds=False),
    Claim(WHICH, "DoRA gains more than LoRA", lambda: pair(1)),
    Claim(WHICH, "its step costs more than full's", lambda: alike(step(DORA) - 1)),
    Claim(
        WHICH,
        "they call up in every seed",
        lambda: np.minimum(skills("prompt, 4 tokens")[0], skills("prefix, 4 positions")[0]) - 0.95,
    ),
    Claim(WHICH, "a new skill a prefix learns worse than LoRA in every seed", lambda: -pair(5)),
    Claim(
        WHICH, "and a prompt not at all", lambda: 0.02 - skills("prompt, 4 tokens")[1:].max(axis=0)
    ),
    Claim(
        WHICH,
        "it needs no label to begin with",
        lambda: np.min(stored("patterns")["zero"], axis=1) - 0.6,
    ),
    Claim(
        WHICH,
        "less than half of the time: backward never enters the body",
        lambda: alike(0.5 - step("head")),
    ),
    Claim(
        WHICH,
        "behind what is retrieved it is right more often than the base, in every pair",
        lambda: read(0.6, "retrieved") - read("base", "retrieved"),
    ),
    Claim(
        WHICH,
        "with P below 1 it recites what it learnt even where the document says otherwise",
        lambda: least("golden changed", -1),
    ),
    Number(WHICH, "{:.1f} for 3 × 2", lambda: [3 * 2 / (3 + 2)]),
    Claim(
        WHICH,
        "At r 8 LoRA lies behind full fine-tuning, above in every pair",
        lambda: gain(FULL) - gain(R8),
    ),
    Claim(WHICH, "and after 64 kB of code in all three seeds", lambda: pair(8)),
    Number(
        WHICH,
        "cut to 8 of 128 directions a layer it keeps {:.2f} of the gain",
        lambda: [cut(8)[0].mean()],
    ),
    Claim(WHICH, "Whether the gap grows with more, they do not tell", lambda: pair(9), holds=False),
    Claim(
        WHICH,
        "LoRA has forgotten less than full fine-tuning at the end, in every pair",
        lambda: forgotten(FULL) - np.maximum(forgotten(R8), forgotten(R32)),
    ),
    Claim(WHICH, "where both have gained as much, r 8 has forgotten more", lambda: beyond_full(R8)),
    Claim(
        WHICH,
        "Half of full's best rate forgets a third less",
        lambda: 0.1 - abs(1 - half_rate(methods_text.forgotten) / forgotten(FULL) - 1 / 3),
    ),
    Claim(
        WHICH,
        "for a gain that is not told apart",
        lambda: gain(FULL) - half_rate(methods_text.gain),
        holds=False,
    ),
    Claim(
        WHICH,
        "other skills are kept by mixing them into training",
        lambda: instructed(context.HELD, "others") - instructed(NEW, "others") - 0.5,
    ),
    Claim(
        WHICH,
        "On text we find the latter too, with as many trainable parameters",
        lambda: np.where(of(R2, "trained") == of(C_ATTN, "trained"), loss(C_ATTN) - loss(R2), -1),
    ),
    Claim(
        WHICH, "with as many, five seeds do not tell the two apart", lambda: pair(7), holds=False
    ),
    *(
        Given(WHICH, says, "a definition")
        for says in (
            "Two methods are told apart where every pair agrees",
            "is the part of full fine-tuning's gain that the method reaches",
            "the differences seed by seed say more",
            "in brackets, between which rates the best lies",
            "The skills columns use a smaller size of the same method",
        )
    ),
    *(
        Given(WHICH, says, "advice")
        for says in (
            "then shorter texts, smaller batches, LoRA on fewer layers",
            "LoRA stays behind full and bytes allow",
            "a larger r, then full fine-tuning",
            "IA3 where bytes count most",
            "there is a better, larger model to ask",
        )
    ),
    Claim(
        WHICH,
        "at 12 blocks of width 128 and 128 tokens under a sixth of the bytes",
        lambda: alike(1 / 6 - recomputed(12)),
    ),
    Claim(
        WHICH,
        "a quarter of AdamW's bytes for them",
        lambda: alike(0.01 - abs(formulas.moments_8bit([1 << 20]) / (8 << 20) - 1 / 4)),
    ),
    Given(WHICH, "the papers find prompts and prefixes close to full fine-tuning", "cited"),
    Given(WHICH, "attention alone worse than all layers (LoRA Without Regret, 2025)", "cited"),
]
