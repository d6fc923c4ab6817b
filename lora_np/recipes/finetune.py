"""Fine-tuning the base on other text: what is gained there, what is forgotten, what it costs."""

import functools

import numpy as np

from ..methods.describe import describe
from ..objectives import cross_entropy
from ..system.checks import check_whole
from ..system.progress import progress_bar
from ..train.adamw_8bit import AdamW8bit
from ..train.loop import held_out_loss, train, warmup_cosine
from ..train.memory_guard import check_memory
from ..train.optim import AdamW
from ..train.rank_allocation import allocating
from ..train.step import SHARDS
from .step_memory import held_in_a_step

LENGTH = 128
WIDTH = 128  # of the model that the methods' rates were found on


def usual_rate(method, model):
    """The method's own rate, for AdamW on `model`: in inverse proportion to the model's width.

    `method.rate` is a rate that suits code, on a model WIDTH wide; `compare methods_text` searches
    for the best. A low-rank update wants a larger one than full fine-tuning; that a wider model
    wants a smaller one is Yang et al. 2021 (arXiv 2203.03466, table 3: hidden weights under Adam).
    """
    return method.rate * WIDTH / model.config.n_embd


def finetune(
    base, method, reading, kept=(), *, lr=None, steps=300, batch_size=16, length=LENGTH, seed=0,
    windows=128, every=None, state=None, adam_8bit=False, **options,
):  # fmt: skip
    """Apply `method` to `base`, train it on the Text `reading`; returns (model, History, numbers).

    `kept` are Texts to look back at: how far their held-out loss rises is what was forgotten.
    AdamW (`adam_8bit`: AdamW8bit; and AdaLoRA's ranks), warm-up over a twentieth of the steps, then
    half a cosine to 0. `lr` None takes the method's `usual_rate`. Everything random follows from
    `seed`. `state` is `train`'s checkpoint; `options` are its resume, progress, threads and
    recompute.
    """
    check_whole("finetune: expected a seed", seed, 0)
    check_whole("finetune: expected steps", steps, 0)
    check_whole("finetune: expected a batch_size", batch_size)
    check_whole("finetune: expected windows", windows)
    rng, progress = np.random.default_rng(seed), options.get("progress")
    lr = usual_rate(method, base) if lr is None else lr
    for each in (reading, *kept):  # too short a text is refused here, and not by the first losses
        next(each.held_out_batches(windows, length=length))
    model = method.apply(base, rng)
    optimizer = (AdamW8bit if adam_8bit else AdamW)(model.trainable_parameters(), lr=lr)
    optimizer = allocating(optimizer, model, steps)
    schedule = warmup_cosine(steps, warmup=steps // 20)
    one = next(reading.batches(np.random.default_rng(seed), 1, length))
    shards = 1 if options.get("threads") is None else SHARDS
    recompute = options.get("recompute", False)  # checked before such a batch is there:
    check_memory(model, one, shards, sequences=batch_size, recompute=recompute)
    with progress_bar(progress, None, 0, "", what="measuring a step"):
        first = next(reading.batches(np.random.default_rng(seed), batch_size, length))
        held = held_in_a_step(model, optimizer, first, cross_entropy, recompute)
    losses = functools.partial(held_out_losses, [reading, *kept], windows, length, progress)
    history = train(
        model, reading.batches(rng, batch_size, length), cross_entropy, optimizer, steps=steps,
        schedule=schedule, rng=rng, evaluate=lambda: losses(model),
        every=max(1, steps) if every is None else every, checkpoint=state, **options,
    )  # fmt: skip
    ran = {"method": describe(method), "lr": lr, "seed": seed, "steps": len(history.losses)}
    ran |= {"batch": [batch_size, length], "base": losses(base)}  # before it is quantized
    return model, history, ran | outcome(model, history, held)


def held_out_losses(texts, windows, length, progress, model):
    """{the Text's name: the mean loss, nats a token, over so many of its held-out windows}."""

    def counted(batches):
        for batch in batches:
            yield batch
            bar.update(len(batch))

    batches = {text.name: text.held_out_batches(windows, length=length) for text in texts}
    total, what = windows * len(texts), "held-out losses"
    with progress_bar(progress, total, 0, "window", what=what) as bar:
        return {
            name: held_out_loss(model, counted(each), cross_entropy)
            for name, each in batches.items()
        }


def outcome(model, history, held):
    before, after = ({**history.evaluations[at]} for at in (0, -1))
    del before["step"], after["step"]
    steps = max(1, len(history.losses))
    return {
        "before": before,
        "after": after,
        "trained": sum(p.size for p in model.trainable_parameters()),
        "bytes": held,  # in a step, by kind
        "ms_per_step": 1e3 * history.seconds / steps,
        "cpu_ms_per_step": 1e3 * history.cpu_seconds / steps,
    }
