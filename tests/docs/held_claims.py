"""What CLAIMS and the README say of stored runs, and CLAIMS of what can be counted."""

import functools

import numpy as np

from docs.held_lesson_8 import LESSON_8
from docs.held_lesson_10b import judge
from docs.held_lessons_11_13 import LORA, QLORA, perplexities
from docs.margins import ROOT, Claim, Given, Number, alike, stored
from lora_np.checkpoint import load_base
from lora_np.course.experiments import methods, methods_text
from lora_np.course.experiments.protocol import by_seed
from lora_np.memory import formulas
from lora_np.nn import GPT
from lora_np.objectives import cross_entropy
from lora_np.tasks import next_token
from lora_np.tokenizers import byte

TABLE, README = "notebooks/CLAIMS.md", "README.md"
FULL, EVERYWHERE, R32 = "full fine-tuning", "LoRA r 8, everywhere", "LoRA r 32, everywhere"
ON_QKV, PREFIX, PROMPT = "LoRA r 4, attention's qkv", "prefix, 4 positions", "prompt, 4 tokens"


def gain(way):
    """On code, in nats a byte, a seed."""
    return by_seed(stored("methods_text"), way, methods_text.gain)


def forgotten(way):
    return by_seed(stored("methods_text"), way, methods_text.forgotten)


def skill(way, number):
    """Answers all right, a seed: 0 on a known skill, 1 on + 5, 2 on reverse and + 1."""
    return methods.right(stored("methods"), way, stored("methods")["tasks"][number])


def millions():
    return [stored("methods_text")["ways"][FULL]["runs"][0]["trained"] / 1e6]


def full_and_lora():
    """MB that training holds at 512 × 1536, without activations."""
    shape = formulas.Shape((("layer", 512, 1536, 1),), 0)
    return [row["total"] / 1e6 for row in formulas.table(shape, 8)[:2]]


def work():
    """LoRA's multiplications in a step, as a share of full's: where dx is needed, and lowest."""
    share = 8 * (512 + 1536) / (512 * 1536)  # two thin products, of one of the large ones
    spared = 8 * 512 / (512 * 1536)  # du Aᵀ, in the lowest layer
    return (2 + 3 * share) / 3, (1 + 3 * share - spared) / 2


@functools.cache
def untrained():
    """How far networks of random weights lie from guessing, on prose and on code, in nats."""
    far = []
    for name in ("README.md", "lora_np/nn/gpt.py"):
        tokens = byte.encode((ROOT / name).read_text("utf-8"))[: 8 * 129].reshape(8, 129)
        for seed in range(3):
            drawn = GPT(load_base().config, np.random.default_rng(seed))
            loss, _ = cross_entropy(drawn(next_token(tokens).tokens), next_token(tokens))
            far.append(abs(loss - np.log(257)))
    return np.array(far)


def beside_peft(kind):
    """(time, peak memory) for two sizes of step, as ratios to PEFT's."""
    sizes = ("batch 4, 64 tokens", "batch 8, 128 tokens")
    steps = [stored("real_model")[f"step, {size}, each side's best kernels"] for size in sizes]
    return [step[kind][of] / step["peft"][of] for step in steps for of in ("ms", "peak_mb")]


def beside_transformers():
    chat = stored("real_model")["chat, each side's best kernels"]
    return [chat["ours"]["tokens_a_second"] / chat["transformers"]["tokens_a_second"]]


def millionths():
    return stored("real_model")["logits"]["relative_difference"] * 1e6


HELD_CLAIMS = [
    Number(TABLE, "{:.2f} → {:.2f} MB at 512 × 1536", full_and_lora),
    Number(
        TABLE,
        "a training step {:.2f} of full at r 8 ({:.2f} in the lowest layer that learns)",
        work,
    ),
    Claim(
        TABLE,
        "most of full fine-tuning's gain, each at its own learning rate",
        lambda: gain(EVERYWHERE) / gain(FULL) - 0.5,
    ),
    Number(
        TABLE,
        "{:.1f} are stored, {:.3f} with double quantization",
        lambda: (4 + 32 / 64, 4 + 8 / 64 + 32 / (64 * 256)),
    ),
    Claim(
        TABLE,
        "on the small base, at r 8, it gains a little less than LoRA, in every pair",
        lambda: gain(EVERYWHERE) - gain("QLoRA r 8, everywhere"),
    ),
    Number(
        TABLE,
        "it ends at a perplexity of {:.2f}, LoRA at {:.2f}",
        lambda: (perplexities(QLORA).mean(), perplexities(LORA).mean()),
    ),
    Number(
        TABLE,
        "{:.2f} % at 512 × 1536, {:.0f} % at 3 × 2",
        lambda: (100 * 8 * (512 + 1536) / (512 * 1536), 100 * (3 + 2) / 6),
    ),
    Claim(TABLE, "random ones are within half a nat of guessing", lambda: 0.5 - untrained()),
    Claim(LESSON_8, "is within half a nat of guessing", lambda: 0.5 - untrained()),
    Number(TABLE, "of guessing, {:.2f}", lambda: [np.log(257)]),
    Claim(
        TABLE,
        "they call up a skill; the harder of two new ones, which QLoRA learns, they do not",
        lambda: np.minimum(
            skill(PREFIX, 0) - 0.9,
            np.minimum(skill(f"Q{ON_QKV}", 2) - 0.9, 0.05 - skill(PREFIX, 2)),
        ),
    ),
    Claim(
        TABLE,
        "they call up a skill, and learn no new one",
        lambda: np.min(
            [skill(PROMPT, 0) - 0.9, *(0.01 - skill(PROMPT, new) for new in (1, 2))], axis=0
        ),
    ),
    Claim(
        TABLE,
        "LoRA r 32's gain is not told apart from its",
        lambda: gain(FULL) - gain(R32),
        holds=False,
    ),
    Claim(
        TABLE,
        "it forgets more than LoRA in every pair",
        lambda: forgotten(FULL) - np.maximum(forgotten(R32), forgotten(EVERYWHERE)),
    ),
    Claim(
        TABLE,
        "with a judge right 0.8 of the time, β = 0 ends below β = 0.1 in every pair",
        lambda: judge("0.8")["gain"],
    ),
    *(
        Given(TABLE, says, "the document's words, or a heading")
        for says in (
            "y = [0.54, −0.19]",
            "less memory",
            "less compute",
            "A and B are much smaller than W, in this example",
            "smaller blocks are not always better",
        )
    ),
    Given(TABLE, "the sums false: [0.43, −0.26]", "tests/worked_example"),
    Given(TABLE, "where NF4's 0.9677083 comes from", "lesson 5 computes it"),
]
HELD_README = [
    Number(README, "a byte-level GPT of {:.2f} million weights", millions),
    Number(
        README,
        "| LoRA (q, v, r 8): time, peak memory | {:.2f}, {:.2f} | {:.2f}, {:.2f} |",
        lambda: beside_peft("lora"),
    ),
    Number(
        README,
        "| QLoRA: time, peak memory | {:.2f}, {:.2f} | {:.2f}, {:.2f} |",
        lambda: beside_peft("qlora"),
    ),
    Number(README, "It writes {:.1f} times as many tokens a second", beside_transformers),
    Claim(
        README,
        "its logits differ from transformers' by two millionths",
        lambda: alike(0.5 - abs(millionths() - 2)),
    ),
    Given(README, "The course follows one document's 3×2 example: x = [0.2, −0.3, 0.5]", "it"),
    Given(README, "0.2·0.1 + (−0.3)(−0.2) + 0.5·0.7 and 0.2·0.4 + (−0.3)·0.3 + 0.5·(−0.5)", "it"),
    Given(README, "prints [0.54, −0.19]. Those terms sum to [0.43, −0.26]", "test_readme.py"),
    Given(README, "the loss falls from 1.67 to 0.03", "test_readme.py runs it"),
]
