"""A training step on several cores, with the same bits on one core as on many.

NumPy's matrix products can use every core, but what stands between them (softmax, GELU, adding,
copying) runs on one. So the batch is cut into shards, and each thread takes one through the whole
network, on a view of the model: the weights are shared, the gradients are its own. NumPy lets
other threads run while it computes.
"""

import functools
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from threadpoolctl import ThreadpoolController

SHARD_ROWS = 256  # the least (B·T) rows worth a shard: below, calling NumPy costs more than it does


def forward_backward(model, batch, objective, *, rng=None, threads=None):
    """forward, objective and backward on each shard; the gradients add up in `model`.

    Returns the whole batch's loss. Shards are a function of the batch's shape alone, their
    gradients are added in order, and each matrix product runs on one thread: so any number of
    `threads` gives the same bits. By default there is a thread for each core.
    """
    shards = batch.split(shard_count(*batch.tokens.shape))
    rngs = [rng] * len(shards)
    if rng is not None and len(shards) > 1:  # seeds from rng's own state: resuming restores them
        rngs = [np.random.default_rng(seed) for seed in rng.integers(2**63, size=len(shards))]
    views = [model, *(model.view() for _ in shards[1:])]

    with blas().limit(limits=1, user_api="blas"):
        objectives = [objective] * len(shards)
        losses = list(pool(threads or cores()).map(one_pass, views, shards, objectives, rngs))
    for view in views[1:]:
        for ours, theirs in zip(model.parameters(), view.parameters()):
            if theirs.grad is not None:
                ours.accumulate(theirs.grad)
    return sum(losses)


def one_pass(model, batch, objective, rng=None):
    """forward, objective and backward; returns the loss.

    What forward kept for backward ends with this call: a step never holds another step's.
    """
    with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite tells
        logits, cache = model.forward(batch.tokens, rng=rng)
        loss, dlogits = objective(logits, batch)
        model.backward(dlogits, cache)
    return loss


def shard_count(B, T):
    """2 shards, or 1 where half a batch is too little to share out."""
    return 2 if B > 1 and B * T >= 2 * SHARD_ROWS else 1


def cores():
    """How many threads can run at once; 1 where there are none (WebAssembly)."""
    if sys.platform == "emscripten":
        return 1
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


@functools.cache
def pool(threads):
    return ThreadPoolExecutor(threads)


@functools.cache
def blas():
    return ThreadpoolController()  # making one costs 40 times using one
