"""The training loop, and what belongs around its five lines."""

import contextlib
import ctypes
import math
import signal
import sys
import threading
import time

import numpy as np
from tqdm import tqdm

from .history import History
from .long_batch import loss_in_parts
from .parallel import SHARDS, forward_backward, one_pass
from .room import check_room
from .training_state import load_state, save_state


def train(
    model, batches, objective, optimizer, *, steps, schedule=None, rng=None, clip=1.0,
    evaluate=None, every=100, checkpoint=None, resume=False, progress=None, threads=None,
):  # fmt: skip
    """Train for `steps` steps; returns the History.

    `schedule(step)` multiplies the learning rate (1 without one), `clip` bounds the gradient's
    norm (None: no bound), `evaluate()` returns {name: held-out loss} and is asked every `every`
    steps and at the end. `rng` drives dropout; batches should be drawn from it too.

    With `checkpoint`, a path, the whole state is written there at each evaluation and at the end,
    and `resume` goes on from it: the run then equals one that never stopped, bit for bit, if
    `rng` is all the randomness there is. Ctrl-C ends the run after the step it falls in.
    `progress` shows a bar; by default, if standard error is a terminal. With `threads`, a
    number, each step's batch is cut in shards that these share (`parallel`); the bits do not
    depend on how many there are.
    A job that outgrows NumPy leaves through PEFT's files: `save_adapter`, then PEFT on a GPU, and
    `load_adapter` brings back what it trained. Many jobs are a `sweep`.
    Raises: FloatingPointError for a loss or a gradient that is not finite, before it reaches the
    weights. ValueError if batches run out, a checkpoint or what was evaluated in it does not fit,
    or a step's memory does not (`room`), before it starts.
    """
    history, batches = History(), iter(batches)
    if resume:
        history = load_state(checkpoint, model, optimizer, rng)
    done, checked = len(history.losses), 0

    def pause():
        if evaluate is not None:
            losses = {"step": done, **evaluate()}
            if history.evaluations and history.evaluations[-1].keys() != losses.keys():
                before = ", ".join(history.evaluations[-1])
                raise ValueError(f"evaluated {', '.join(losses)}, the run so far {before}")
            history.evaluations.append(losses)
        if checkpoint is not None:
            save_state(checkpoint, model, optimizer, rng, history)

    hidden = not (sys.stderr.isatty() if progress is None else progress)
    with catch_interrupt() as interrupted, tqdm(
        total=steps, initial=done, disable=hidden, unit="step", ascii=True, leave=False
    ) as bar:  # fmt: skip
        if done == 0:
            pause()
        while done < steps and not interrupted():
            optimizer.rate = 1.0 if schedule is None else schedule(done)
            batch = next(batches, None)
            if batch is None:
                raise ValueError(f"the batches ran out after {done} of {steps} steps")
            if batch.tokens.size > checked:
                check_room(model, batch, 1 if threads is None else SHARDS, rng)
                checked = batch.tokens.size
            start, cpu_start = time.perf_counter(), time.process_time()
            if threads is None:
                loss = one_pass(model, batch, objective, rng)
            else:
                loss = forward_backward(model, batch, objective, rng=rng, threads=threads)
            norm = clip_gradients(optimizer.parameters, clip)
            check_finite(loss, norm, done, optimizer)
            optimizer.step()
            done += 1
            history.losses.append(loss)
            history.rates.append(optimizer.rate)
            history.seconds += time.perf_counter() - start
            history.cpu_seconds += time.process_time() - cpu_start
            bar.update()
            bar.set_postfix_str(f"loss {loss:.3f}", refresh=False)
            if done % every == 0 and done < steps:
                pause()
    history.interrupted = done < steps
    if done:
        pause()
    return history


def held_out_loss(model, batches, objective):
    """The mean loss over all targets of `batches`, each weighing the same, whatever its batch."""
    losses, totals = [], []
    for batch in batches:
        losses.append(loss_in_parts(model, batch, objective))
        totals.append(batch.total)
    return float(np.average(losses, weights=totals))


def warmup_cosine(steps, warmup=0, floor=0.0):
    """A schedule: from 0 up to 1 over `warmup` steps, then down to `floor` by half a cosine.

    rate(t) = (t + 1)/(warmup + 1) at first, then floor + (1 − floor)·½(1 + cos πp), p from 0 to 1
    (Loshchilov & Hutter 2017, arXiv 1608.03983, eq. 5).
    Raises: ValueError unless 0 ≤ warmup ≤ steps.
    """
    if not 0 <= warmup <= steps:
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
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is caught by train
        norm = math.sqrt(sum(float(np.vdot(g, g)) for g in gradients))
    if largest is not None and norm > largest:
        for g in gradients:
            g *= largest / norm
    return norm


def check_finite(loss, norm, step, optimizer):
    """Raise FloatingPointError unless loss and gradient are finite."""
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


@contextlib.contextmanager
def catch_interrupt():
    """Yield a function that says whether Ctrl-C was pressed; a second press ends at once.

    A step is never cut in half, so what is saved after it is whole. Signals reach Python's main
    thread only; on another thread this does nothing.
    """
    pressed = []

    def remember(number, frame):
        pressed.append(number)
        signal.signal(signal.SIGINT, previous)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    previous = signal.signal(signal.SIGINT, remember)
    try:
        yield lambda: bool(pressed)
    finally:
        signal.signal(signal.SIGINT, previous)


def reuse_memory():
    """Ask the C library to keep the memory of freed arrays; True where it understands.

    Each step makes the same large arrays anew. By default glibc returns them to the system and
    fetches fresh, zeroed pages the next time, which can take half of a step; and it keeps them
    apart for each thread, so that none can use what another freed. This changes the whole process,
    so it is called, never done on import; best before any thread starts.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    trim, mmap, arenas = -1, -3, -8  # M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX in malloc.h
    return bool(mallopt(mmap, 1 << 30) and mallopt(trim, 2**31 - 1) and mallopt(arenas, 1))
