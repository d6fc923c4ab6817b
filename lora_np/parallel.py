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

from .long_batch import forward_backward_in_parts

SHARDS = 2
SHARD_ROWS = 256  # the least (B·T) rows worth a shard: below, calling NumPy costs more than it does
WIDTH = 128  # in a model of up to that width; in a wider one, fewer rows are as much work


def forward_backward(model, batch, objective, *, rng=None, threads=None):
    """forward, objective and backward on each shard; the gradients add up in `model`.

    Returns the whole batch's loss. Shards follow from the batch's shape and the model's width,
    their gradients are added in order, and each matrix product runs on one thread: so any number of
    `threads` gives the same bits. By default there is a thread for each core.
    """
    shards = batch.split(shard_count(*batch.tokens.shape, model.config.n_embd))
    rngs = [rng] * len(shards)
    if rng is not None and len(shards) > 1:  # seeds from rng's own state: resuming restores them
        rngs = [np.random.default_rng(seed) for seed in rng.integers(2**63, size=len(shards))]
    views = [model.view() for _ in shards]

    def work(view, shard, rng):
        with np.errstate(over="ignore", invalid="ignore"):  # a loss that is not finite tells
            return forward_backward_in_parts(view, shard, objective, rng=rng)

    with blas().limit(limits=1, user_api="blas"):
        losses = list(pool(threads or cores()).map(work, views, shards, rngs))
    for view in views:
        for ours, theirs in zip(model.parameters(), view.parameters()):
            if theirs.grad is not None:
                ours.accumulate(theirs.grad)
    return sum(losses)


def shard_count(B, T, width):
    """SHARDS, or 1 where half a batch is too little to share out."""
    return SHARDS if B > 1 and B * T * max(width, WIDTH) >= 2 * SHARD_ROWS * WIDTH else 1


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
