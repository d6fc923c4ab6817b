"""Whether a training step fits in memory, said before it starts and not by the system's killer."""

import os
import pathlib

import numpy as np

from .long_batch import PART
from .memory import array_bytes
from .nn.language_model import body_and_head

SHORT = (4, 8, 16)  # tokens: what these keep says what any length keeps
LOGITS = 4  # arrays as large as a part's logits that an objective has at once
CGROUP = pathlib.Path("/sys/fs/cgroup")


def check_room(model, batch, shards=1, rng=None):
    """Raise ValueError for a step on `batch` that needs more memory than there is.

    It says what was asked, what there is, and how many sequences, or tokens of one, would fit.
    Where the system does not say what is free, nothing is checked.
    """
    free, (B, T) = free_bytes(), batch.tokens.shape
    if free is None:
        return
    need = step_bytes(model, batch, shards, rng)
    if need(B, T) <= free:
        return
    fewer = largest(B, lambda b: need(b, T) <= free)
    shorter = largest(T, lambda t: need(1, t) <= free)
    fits = f"{fewer} of them" if fewer else f"one of {shorter}" if shorter else "not one token"
    raise ValueError(
        f"a step on {B} sequences of {T} tokens needs about {need(B, T) / 1e9:.3g} GB of memory, "
        f"and {free / 1e9:.3g} GB are free; {fits} would fit"
    )


def step_bytes(model, batch, shards=1, rng=None):
    """A function of (sequences, tokens): about how many bytes more a step on them takes.

    activations + gradients + logits. What a sequence keeps is a + bT + cT² bytes, T² for who
    attends to whom; three short ones, of the batch's own tokens, are run to find a, b and c.
    Gradients: those that learn, once for each shard. Logits: LOGITS arrays for each shard, of as
    many sequences as PART allows.
    """
    body, head = body_and_head(model)
    T = batch.tokens.shape[1]
    rng = None if rng is None else np.random.default_rng(0)  # dropout's masks are kept as well

    def kept(t):
        x, cache = body.forward(batch.tokens[:1, :t], rng=rng)
        return array_bytes(cache, head.forward(x)[1]), x.itemsize

    lengths = [t for t in SHORT if t < T] or [T]
    measured = [kept(t) for t in lengths]
    itemsize = measured[0][1]
    curve = np.polyfit(lengths, [size for size, _ in measured], len(lengths) - 1)
    gradients = sum(parameter.data.nbytes for parameter in model.trainable_parameters())

    def need(b, t):
        logits = min(max(PART, batch.group * t * head.n_classes), b * t * head.n_classes / shards)
        activations = b * float(np.polyval(curve, t))
        return activations + shards * (gradients + LOGITS * logits * itemsize)

    return need


def largest(limit, fits):
    """The largest whole number up to `limit` that fits, or 0; what fits goes on from 1."""
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if fits(middle) else (low, middle - 1)
    return low


def free_bytes():
    """Bytes that this process can still take: the least that any limit leaves; None if none tells.

    Memory free in the machine (with what files occupy, and swap), or all of it where the system
    tells no more; a container's limit; this process's own (`ulimit -v`).
    """
    return min(filter(None, (_of_machine(), _of_container(), _of_process())), default=None)


def _of_machine():
    try:
        lines = pathlib.Path("/proc/meminfo").read_text().splitlines()
        kilobytes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
        return 1024 * (kilobytes["MemAvailable"] + kilobytes.get("SwapFree", 0))
    except (OSError, KeyError, ValueError, IndexError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _of_container():
    try:
        limit = int((CGROUP / "memory.max").read_text())  # "max" where there is none
        used = int((CGROUP / "memory.current").read_text())
        lines = (CGROUP / "memory.stat").read_text().splitlines()
        files = {name: int(size) for name, size in map(str.split, lines)}["inactive_file"]
        return max(1, limit - used + files)
    except (OSError, KeyError, ValueError):
        return None


def _of_process():
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        pages = int(pathlib.Path("/proc/self/statm").read_text().split()[0])
        return max(1, limit - pages * resource.getpagesize())
    except (ImportError, OSError, ValueError):
        return None
