"""Fine-tuning the base on other text: what is gained there, what is forgotten, what it costs."""

import dataclasses

import numpy as np

from . import memory
from .methods import (
    BottleneckAdapters,
    DoRA,
    FullFineTuning,
    HeadTuning,
    LoRA,
    PrefixTuning,
    PromptTuning,
    QLoRA,
)
from .objectives import cross_entropy
from .optim import AdamW
from .train import held_out_loss, train, warmup_cosine

LENGTH = 128
# The learning rate that each method did best with among those swept on code, on a model WIDTH
# wide; see benchmarks/finetune_table.py and method_text_rates.py. A low-rank update wants a larger
# one than full fine-tuning, and a wider model a smaller one, in proportion (Yang et al. 2021,
# arXiv 2203.03466, table 3: hidden weights under Adam).
WIDTH = 128
RATES = {
    FullFineTuning: 1e-3, HeadTuning: 3e-2, LoRA: 1e-2, QLoRA: 1e-2, DoRA: 1e-2,
    BottleneckAdapters: 1e-2, PrefixTuning: 9e-2, PromptTuning: 3e-2,
}  # fmt: skip


def finetune(base, method, reading, kept=(), *, lr=None, steps=300, batch_size=16, length=LENGTH,
             seed=0, windows=128, every=None, state=None, resume=False, progress=None,
             threads=None):  # fmt: skip
    """Apply `method` to `base`, train it on the Text `reading`; returns (model, History, numbers).

    `kept` are Texts to look back at: how far their held-out loss rises is what was forgotten.
    AdamW, warm-up over a twentieth of the steps, then half a cosine to 0. `lr` None takes the
    method's own from RATES, times WIDTH/n_embd. Losses are taken at the start, every `every` steps
    and at the end, over `windows` windows. Everything random follows from `seed`. `state` is a file
    to resume from, `threads` as in `train`. `numbers` is ready for JSON: losses before and after in
    nats a token, trained numbers, bytes held in a step by kind, milliseconds a step.
    Raises: ValueError without lr for a method that RATES lacks; as `train` otherwise.
    """
    if lr is None and type(method) not in RATES:
        raise ValueError(f"finetune: no usual rate for {type(method).__name__}; give lr")
    rng = np.random.default_rng(seed)
    lr = RATES[type(method)] * WIDTH / base.config.n_embd if lr is None else lr
    model = method.apply(base, rng)
    optimizer = AdamW(model.trainable_parameters(), lr=lr)
    texts = [reading, *kept]

    def losses(which):
        return {
            text.name: held_out_loss(
                which, text.held_out_batches(windows, length=length), cross_entropy
            )
            for text in texts
        }

    first = next(reading.batches(np.random.default_rng(seed), batch_size, length))
    held = memory.held_in_a_step(model, optimizer, first, cross_entropy)
    history = train(
        model,
        reading.batches(rng, batch_size, length),
        cross_entropy,
        optimizer,
        steps=steps,
        schedule=warmup_cosine(steps, warmup=steps // 20),
        rng=rng,
        every=every or steps,
        evaluate=lambda: losses(model),
        checkpoint=state,
        resume=resume,
        progress=progress,
        threads=threads,
    )
    numbers = {
        "method": describe(method),
        "lr": lr,
        "seed": seed,
        "steps": len(history.losses),
        "batch": [batch_size, length],
        "base": losses(base),  # before quantization, where a method quantizes
        "before": {text.name: history.evaluations[0][text.name] for text in texts},
        "after": {text.name: history.evaluations[-1][text.name] for text in texts},
        "trained": sum(p.size for p in model.trainable_parameters()),
        "bytes": held,
        "ms_per_step": 1e3 * history.seconds / max(1, len(history.losses)),
        "cpu_ms_per_step": 1e3 * history.cpu_seconds / max(1, len(history.losses)),
    }
    return model, history, numbers


def describe(method):
    """A method's name and settings, for people and for JSON: "LoRA(rank=8, alpha=16.0, …)"."""
    settings = ((field.name, getattr(method, field.name)) for field in dataclasses.fields(method))
    shown = (f"{k}={getattr(v, '__name__', None) or repr(v)}" for k, v in settings)
    return f"{type(method).__name__}({', '.join(shown)})"


def share_of_gain(numbers, full, name):
    """How much of full fine-tuning's gain on the text `name` this run made: 1 is all of it."""
    return (numbers["base"][name] - numbers["after"][name]) / (
        full["base"][name] - full["after"][name]
    )
