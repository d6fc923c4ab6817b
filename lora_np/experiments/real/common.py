"""What the fine-tunes of a real model share: the model, its steps, its perplexity, the spread."""

import math
import textwrap
import time

import numpy as np

from ...checkpoint import load_model
from ...methods import LoRA
from ...objectives import cross_entropy
from ...optim import AdamW
from ...tasks import text
from ...train import held_out_loss, train, warmup_cosine

METHOD, RATE = LoRA(8, 16.0, "all-linear"), 2e-3
SHORT = {"steps": 3, "tests": 3, "windows": 2}  # a quick run, which shows that it works


def open_model():
    """(SmolLM2, frozen, and its tokenizer).

    Raises: ValueError or ImportError, saying what to install.
    """
    model, tokenizer = load_model("smollm2")
    return model.freeze(), tokenizer


def learn(model, batches, objective, steps, lr=RATE):
    """AdamW, the rate falling by half a cosine, the gradient's norm at most 1; (losses, CPU s)."""
    optimizer, schedule = AdamW(model.trainable_parameters(), lr), warmup_cosine(steps, steps // 10)
    start = time.process_time()
    history = train(
        model, batches, objective, optimizer, steps=steps, schedule=schedule, progress=False
    )
    return history.losses, time.process_time() - start


def prose_perplexity(model, tokenizer, windows, length=128):
    """exp of the loss, nats a token, on prose that is held out: pages of Python's own manual."""
    length = min(length, model.config.n_positions)
    batches = text.prose(tokenizer).held_out_batches(windows, batch_size=2, length=length)
    return math.exp(held_out_loss(model, batches, cross_entropy))


def spread(values, digits=2):
    """mean ± standard deviation over seeds."""
    return f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"


def samples(numbers):
    """Some questions, and below each other what each model says."""
    lines = []
    for sample in numbers["samples"]:
        for name, said in sample.items():
            line = f"{name:>18}: {' '.join(said.split())}"
            lines.append(textwrap.fill(line, 80, subsequent_indent=" " * 20))
        lines.append("")
    return "\n".join(lines).rstrip()


def note(text, numbers):
    """What a table says below: `text`, the seeds, the time; in lines of a page's width."""
    many = f"{numbers['seeds']} seed{'s' if numbers['seeds'] > 1 else ''}"
    short = "; a quick look, too short to conclude anything from" if numbers["quick"] else ""
    minutes = max(numbers["cpu_seconds_a_seed"]) / 60
    text += f" {many}, mean ± standard deviation; {minutes:.1f} CPU minutes a seed at most{short}."
    return textwrap.fill(text, 80)
