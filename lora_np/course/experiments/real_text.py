"""The base on real text: it has read prose, learns code, and is asked about both.

Code is in three parts, by module: one to learn, and the held-out modules in turn to tune on
(validation) and to report (test). Prose is what may be forgotten; nothing is tuned on it. The
losses are in nats a byte, and so is what the fine-tuned model p has moved from the base p₀:
KL(p₀ ‖ p) = Σ p₀·(log p₀ − log p), averaged over the positions of a held-out text.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from ...checkpoint import load_base
from ...methods import lora_plus_groups
from ...nn import GPT
from ...nn.functional import log_softmax
from ...objectives import cross_entropy
from ...recipes.step_memory import held_in_a_step
from ...tasks import text
from ...tokenizers.byte import END
from ...train.loop import held_out_loss, train, warmup_cosine
from ...train.optim import AdamW
from .protocol import TUNING_SEEDS

TUNE, TEST, PROSE = "validation", "code", "prose"


class Way(NamedTuple):
    """A method, where the search for its rate begins, and what is asked of its reported runs."""

    method: object
    rate: float
    ratio: float = 1.0  # how many times as fast as A the factor B learns
    along: int = 1  # how often the losses are read on the way; 1 is at the end
    closer: tuple[Callable, ...] = ()  # of (way, model, cell)


@dataclass(frozen=True)
class World:
    """The base, what is learnt, and the held-out texts by name."""

    base: GPT
    learnt: text.Text
    held_out: dict[str, text.Text]


@functools.lru_cache(1)
def world():
    code, prose = text.code(), text.prose()
    tune, test = (replace(code, held_out=half) for half in halves(code.held_out))
    return World(load_base(), code, {TUNE: tune, TEST: test, PROSE: prose})


def halves(tokens):
    """The documents of a row of tokens in turn: one to the first half, the next to the second."""
    documents = np.split(tokens, np.flatnonzero(tokens == END))[1:-1]  # each begins with END
    return [np.concatenate([*documents[k::2], tokens[-1:]]) for k in (0, 1)]


def is_tuning(cell):
    return cell["seed"] in TUNING_SEEDS


def windows_of(name, cell):
    return world().held_out[name].held_out_batches(cell["windows"], length=cell["length"])


def learn(way, cell, along=1, factor=1.0):
    """Train one way as a cell says; what it trained, held and cost, and the model.

    The windows of code follow from the seed alone, so every way reads the same. AdamW, warm-up
    over a sixteenth of the steps, then half a cosine to 0. `along` is how often the losses are
    read on the way, 1 for never; `factor` multiplies the cell's rate.
    """
    steps, lr = cell["steps"], factor * cell["lr"]
    model = way.method.apply(world().base, np.random.default_rng([cell["seed"], 1]))
    optimizer = AdamW(lora_plus_groups(model, lr, way.ratio), lr)
    read = functools.partial(
        world().learnt.batches, batch_size=cell["batch"], length=cell["length"]
    )
    history = train(
        model, read(np.random.default_rng(cell["seed"])), cross_entropy, optimizer, steps=steps,
        schedule=warmup_cosine(steps, warmup=steps // 16), progress=False,
        evaluate=None if along == 1 else functools.partial(losses, model, cell),
        every=max(1, steps // along),
    )  # fmt: skip
    first = next(read(np.random.default_rng(cell["seed"])))
    return model, {
        "trained": sum(p.size for p in model.trainable_parameters()),
        "bytes": held_in_a_step(model, optimizer, first, cross_entropy),
        "cpu_ms": 1e3 * history.cpu_seconds / steps,
        "along": history.evaluations,
    }


def losses(model, cell, names=(TEST, PROSE)):
    """{a held-out text's name: the model's loss on it}"""
    return {name: held_out_loss(model, windows_of(name, cell), cross_entropy) for name in names}


def compared(model, cell):
    """{"base", "after", "kl"}: each {text's name: nats a byte}, the base beside the model."""
    found = {"base": {}, "after": {}, "kl": {}}
    for name in (TEST, PROSE):
        rows, weights = [], []
        for batch, before in base_answers(name, cell["windows"], cell["length"]):
            rows.append([mean.mean() for mean in compare_batch(model, batch, before)])
            weights.append(len(batch))
        for key, value in zip(found, np.average(rows, axis=0, weights=weights).tolist()):
            found[key][name] = value
    return found


def compare_batch(model, batch, before):
    """The base's loss, the model's and KL(base ‖ model), each (B, T); `before` is log p₀."""
    at, after = batch.targets[..., None], log_softmax(model(batch.tokens))
    base_loss, loss = (-np.take_along_axis(each, at, axis=-1)[..., 0] for each in (before, after))
    return base_loss, loss, (np.exp(before) * (before - after)).sum(axis=-1)


@functools.lru_cache(2)
def base_answers(name, windows, length):
    """[(batch, the base's log p (B, T, K))] of a held-out text, one array each."""
    cell = {"windows": windows, "length": length}
    return [(batch, log_softmax(world().base(batch.tokens))) for batch in windows_of(name, cell)]
