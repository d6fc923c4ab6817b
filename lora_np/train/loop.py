"""The training loop, and what belongs around its five lines."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..nn.module import Module
from ..system.checks import check_real, check_whole
from ..system.process import ENDS_ALL, catch_interrupt
from ..system.progress import progress_bar
from .history import History
from .memory_guard import check_memory
from .optim import Optimizer
from .resume import load_state, save_state
from .step import SHARDS, forward_backward, loss_in_parts


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to train: the keyword arguments of `train`.

    A run that was resumed equals one that never stopped, bit for bit, if `rng` is all the
    randomness there is: draw the batches from it too.
    """

    steps: int
    schedule: Callable | None = None  # step → what multiplies the learning rate
    rng: np.random.Generator | None = None  # drives dropout
    clip: float | None = 1.0  # the largest norm of the gradient; None: any
    evaluate: Callable | None = None  # () → {name: held-out loss}, asked at the start, at the end
    every: int = 100  # … and after so many steps
    checkpoint: str | Path | None = None  # a file: the whole state, written at each evaluation
    resume: bool = False  # go on from `checkpoint`
    progress: bool | None = None  # whether to show a bar; None: if standard error is a terminal
    threads: int | None = None  # how many share a batch; the bits do not depend on it
    recompute: bool = False  # keep what each block reads, and run it again in backward: same bits

    def __post_init__(self):
        check_whole("train: expected steps", self.steps, 0)
        check_whole("train: expected every", self.every)
        if self.clip is not None:
            check_real("train: expected clip None or", self.clip)
        if self.threads is not None:
            check_whole("train: expected threads None or", self.threads)


def train(
    model: Module, batches: Iterable, objective: Callable, optimizer: Optimizer, **settings
) -> History:
    """Train for `steps` steps, as the other `Settings` say; returns the History.

    Ctrl-C ends the run after the step it falls in. A job that outgrows NumPy leaves through PEFT's
    files: `save_adapter`, then PEFT on a GPU, and `load_adapter` brings back what it trained.
    Raises: FloatingPointError for a loss or a gradient that is not finite, before it reaches the
    weights; ValueError if batches run out, or a step needs more memory than is free.
    """
    s, batches, checked = Settings(**settings), iter(batches), 0
    history = load_state(s.checkpoint, model, optimizer, s.rng) if s.resume else History()
    done = len(history.losses)
    if done > s.steps:
        raise ValueError(f"the run is at step {done} already; steps={s.steps} asks for fewer")
    with catch_interrupt() as interrupted, progress_bar(s.progress, s.steps, done, "step") as bar:
        if done == 0:
            evaluate_and_save(model, optimizer, history, s)
        while done < s.steps and not interrupted():
            batch = next(batches, None)
            if batch is None:
                raise ValueError(f"the batches ran out after {done} of {s.steps} steps")
            if batch.tokens.size > checked:
                shards = 1 if s.threads is None else SHARDS
                check_memory(model, batch, shards, s.rng, recompute=s.recompute)
                checked = batch.tokens.size
            optimizer.rate = 1.0 if s.schedule is None else s.schedule(done)
            with history.timed():
                how = {"rng": s.rng, "threads": s.threads, "recompute": s.recompute}
                loss = forward_backward(model, batch, objective, **how)
                norm = clip_gradients(optimizer.parameters, s.clip)
                check_finite(loss, norm, done, optimizer)
                optimizer.step()
            done += 1
            history.losses.append(loss)
            history.rates.append(optimizer.rate)
            bar.update()
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            if done % s.every == 0 and done < s.steps:
                evaluate_and_save(model, optimizer, history, s)
    history.interrupted = done < s.steps
    if history.interrupted and ENDS_ALL.get() and s.checkpoint is None:
        raise KeyboardInterrupt
    if done:
        evaluate_and_save(model, optimizer, history, s)
    return history


def evaluate_and_save(model, optimizer, history, settings):
    if settings.evaluate is not None:
        losses = {"step": len(history.losses), **settings.evaluate()}
        if history.evaluations and history.evaluations[-1].keys() != losses.keys():
            here, before = (", ".join(list(e)[1:]) for e in (losses, history.evaluations[-1]))
            raise ValueError(
                f"this run is held to {here}, the saved one to {before}: resume it with the texts "
                "that it read"
            )
        history.evaluations.append(losses)
    if settings.checkpoint is not None:
        save_state(settings.checkpoint, model, optimizer, settings.rng, history)


def held_out_loss(model: Module, batches: Iterable, objective: Callable) -> float:
    """The mean loss over all targets of `batches`, each weighing the same, whatever its batch."""
    losses, totals = [], []
    for batch in batches:
        losses.append(loss_in_parts(model, batch, objective))
        totals.append(batch.total)
    return float(np.average(losses, weights=totals))


def warmup_cosine(steps: int, warmup: int = 0, floor: float = 0.0) -> Callable[[int], float]:
    """A schedule: from 0 up to 1 over `warmup` steps, then down to `floor` by half a cosine.

    rate(t) = (t + 1)/(warmup + 1) at first, then floor + (1 − floor)·½(1 + cos πp), p from 0 to 1
    (Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5).
    """
    check_whole("warmup_cosine: expected steps", steps, 0)
    check_whole("warmup_cosine: expected a warmup", warmup, 0)
    check_real("warmup_cosine: expected a floor", floor, "from 0 to 1")
    if warmup > steps:
        raise ValueError(f"expected a warm-up from 0 to {steps} steps, got {warmup}")

    def rate(step):
        if step < warmup:
            return (step + 1) / (warmup + 1)
        p = (step - warmup) / max(1, steps - warmup)
        return floor + (1 - floor) * 0.5 * (1 + math.cos(math.pi * min(p, 1.0)))

    return rate


def clip_gradients(parameters, largest):
    """Scale all gradients by one factor if their common norm √Σg² is above `largest`.

    Returns the norm before clipping (Pascanu et al. 2013, arXiv 1211.5063, algorithm 1).
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if largest is not None and norm > largest:
        with np.errstate(invalid="ignore"):  # 0 · inf: train refuses a norm that is not finite
            for g in gradients:
                g *= largest / norm
    return norm


def check_finite(loss, norm, step, optimizer):
    if math.isfinite(loss) and math.isfinite(norm):
        return
    for parameter in optimizer.parameters:
        parameter.grad = None
    rates = "/".join(f"{lr * optimizer.rate:.3g}" for _, lr in optimizer.groups)
    what = f"the loss is {loss}" if not math.isfinite(loss) else f"the gradient's norm is {norm}"
    raise FloatingPointError(
        f"{what} at step {step}, with learning rate {rates}. The weights are still those of the "
        "step before. Try a third of the learning rate, a longer warm-up, or a smaller clip"
    )
