"""Whether a training step fits in memory, said before it starts and not by the system's killer."""

from bisect import bisect

import numpy as np

from ..memory.measured import array_bytes
from ..nn.attention import LONG
from ..system.free_memory import free_bytes
from .step import PART

SHORT = (4, 8, 16)  # tokens: what these keep says what any length keeps
LOGITS = 4  # arrays as large as a part's logits that an objective has at once


def check_memory(model, batch, shards=1, rng=None, *, sequences=None, recompute=False):
    """Raise ValueError for a step on `batch` that needs more memory than there is, or on so many
    `sequences` like the one in it: then the batch need not be there to be refused.

    Where the system does not tell what is free, nothing is checked.
    """
    free, (B, T) = free_bytes(), batch.tokens.shape
    B = sequences or B
    if free is None:
        return
    need = step_bytes(model, batch, shards, rng, recompute)
    if need(B, T) <= free:
        return
    fewer = bisect(range(1, B + 1), free, key=lambda b: need(b, T))
    shorter = bisect(range(1, T + 1), free, key=lambda t: need(1, t))
    fits = f"{fewer} of them" if fewer else f"one of {shorter}" if shorter else "not one token"
    raise ValueError(
        f"a step on {B} sequences of {T} tokens needs about {need(B, T) / 1e9:.3g} GB of memory, "
        f"and {free / 1e9:.3g} GB are free; {fits} would fit"
    )


def step_bytes(model, batch, shards=1, rng=None, recompute=False):
    """A function of (sequences, tokens): about how many bytes more a step on them takes.

    Activations: a sequence keeps a + bT + cT² bytes, T² for who attends to whom; three short ones,
    of the batch's own tokens, are run to find a, b and c. From LONG tokens on, attention keeps
    hd + 1 numbers where it kept T. Gradients: once for each shard. Logits: LOGITS arrays for each
    shard, of as many sequences as PART allows.
    """
    head, T = model.lm_head, batch.tokens.shape[1]
    rng = None if rng is None else np.random.default_rng(0)  # dropout's masks are kept as well
    lengths, measured = [t for t in SHORT if t < T] or [T], []
    for t in lengths:
        x, cache = model.forward_body(batch.tokens[:1, :t], rng=rng, recompute=recompute)
        measured.append(array_bytes(cache, head.forward(x)[1]))
    curve = np.polyfit(lengths, measured, len(lengths) - 1)
    c, hd = curve[0], model.unwrapped().config.head_dim
    gradients = sum(parameter.data.nbytes for parameter in model.trainable_parameters())

    def need(b, t):
        logits = min(max(PART, batch.group * t * head.n_classes), b * t * head.n_classes / shards)
        activations = b * float(np.polyval(curve, t))
        if t >= LONG:
            activations += b * c * t * (hd + 1 - t)
        return activations + shards * (gradients + LOGITS * logits * x.itemsize)

    return need
