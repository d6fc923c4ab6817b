"""What the fine-tunes of a real model share: the model, its steps, its perplexity, their texts."""

import math
import textwrap

from ....checkpoint import load_model
from ....methods import LoRA
from ....objectives import cross_entropy
from ....system.platform import cpu_seconds
from ....tasks import text
from ....train.loop import held_out_loss, warmup_cosine
from ..common import fit, seed_count, text_table

METHOD, RATE = LoRA(8, 16.0, "all-linear"), 2e-3
SHORT = {"steps": 3, "tests": 3, "windows": 2}  # a quick run, which shows that it works


def open_model():
    """(SmolLM2, frozen, and its tokenizer).

    Raises: ValueError or ImportError, saying what to install.
    """
    model, tokenizer = load_model("smollm2")
    return model.freeze(), tokenizer


def learn(model, batches, objective, steps, lr=RATE):
    """`fit` with a warm-up over a tenth, the gradient's norm at most 1; (losses, CPU seconds)."""
    start, schedule = cpu_seconds(), warmup_cosine(steps, steps // 10)
    history = fit(model, batches, objective, lr, steps=steps, schedule=schedule, clip=1.0)
    return history.losses, cpu_seconds() - start


def prose_perplexity(model, tokenizer, windows, length=128):
    """exp of the loss, nats a token, on prose that is held out: pages of Python's own manual."""
    length = min(length, model.config.n_positions)
    batches = text.prose(tokenizer).held_out_batches(windows, batch_size=2, length=length)
    return math.exp(held_out_loss(model, batches, cross_entropy))


def samples(numbers):
    """Some questions, and below each other what each model says."""
    lines = []
    for sample in numbers["samples"]:
        for name, said in sample.items():
            line = f"{name:>18}: {' '.join(said.split())}"
            lines.append(textwrap.fill(line, 80, subsequent_indent=" " * 20))
        lines.append("")
    return "\n".join(lines).rstrip()


def between(share, n):
    """The 95 % interval of a share of n cases (Wilson 1927), for shares near 0 and 1 too."""
    z2 = 1.96**2 / n
    middle, half = share + z2 / 2, math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return (middle - half) / (1 + z2), (middle + half) / (1 + z2)


def intervals(numbers, columns):
    """Lines: between which shares each row's lie, by its cases. `columns` is {column: cases}."""

    def cell(runs, column):
        if runs[0][column] is None:
            return "-"
        low, high = between(sum(run[column] for run in runs) / len(runs), columns[column])
        return f"{max(low, 0):.2f} to {high:.2f}"

    rows = [(name, *(cell(runs, at) for at in columns)) for name, runs in numbers["rows"].items()]
    lines = text_table(("95 % interval", *columns), rows, (22, 17))
    return "\n".join(
        [*lines, "By the cases alone, which are the same for all seeds (Wilson 1927)."]
    )


def note(text, numbers):
    """What a table says below: `text`, the seeds, the time; in lines of a page's width."""
    short = "; a quick look, too short to conclude anything from" if numbers["quick"] else ""
    minutes = max(numbers["cpu_seconds_a_seed"]) / 60
    text += f" {seed_count(numbers)}, mean ± standard deviation; "
    return textwrap.fill(f"{text}{minutes:.1f} CPU minutes a seed at most{short}.", 80)
