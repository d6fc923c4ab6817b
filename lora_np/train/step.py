"""A training step: forward, objective, backward; in shards for several cores, in parts for memory.

NumPy's matrix products can use every core, but what stands between them (softmax, GELU, adding,
copying) runs on one. So with `threads` the batch is cut into shards, and each thread takes one
through the whole network, on a view of the model: the weights are shared, the gradients are its
own. NumPy lets other threads run while it computes.
"""

from functools import partial

import numpy as np

from ..system.checks import check_whole
from ..system.process import map_on, one_thread_each

SHARDS = 2
SHARD_ROWS = 256  # the least (B·T) rows worth a shard: below, calling NumPy costs more than it does
WIDTH = 128  # in a model of up to that width; in a wider one, fewer rows are as much work
PART = 1 << 23  # the most logits of a part, if it has more than one sequence (or pair): 34 MB


def forward_backward(
    model, batch, objective, *, rng=None, threads=None, parts=None, recompute=False
):  # fmt: skip
    """The batch's loss; its gradients are added to those in `model`.

    With `threads`, a number, shards of the batch are run side by side. They follow from the batch's
    shape and the model's width, their gradients are added in order, and each matrix product runs on
    one thread: so any number of threads gives the same bits. Of each shard, the head and the
    objective read `parts` one after another, by default as many as PART asks for. `recompute` keeps
    only what each block reads, and runs it again in backward: the same bits, in less memory.
    """
    for name, count in {"threads": threads, "parts": parts}.items():
        if count is not None:
            check_whole(f"forward_backward: expected {name} None or", count)
    run = partial(run_shard, objective=objective, parts=parts, recompute=recompute)
    if threads is None:
        return run(model, batch, rng)
    shards = batch.split(shard_count(*batch.tokens.shape, model.config.n_embd))
    rngs = [rng] * len(shards)
    if rng is not None and len(shards) > 1:  # seeds from rng's own state: resuming restores them
        rngs = [np.random.default_rng(seed) for seed in rng.integers(2**63, size=len(shards))]
    views = [model, *(model.view() for _ in shards[1:])]
    with one_thread_each():
        losses = list(map_on(threads)(run, views, shards, rngs))
    for view in views[1:]:
        for ours, theirs in zip(model.parameters(), view.parameters()):
            if theirs.grad is not None:
                ours.accumulate(theirs.grad)
    return sum(losses)


def shard_count(B, T, width):
    """SHARDS, or 1 where half a batch is too little to share out."""
    return SHARDS if B > 1 and B * T * max(width, WIDTH) >= 2 * SHARD_ROWS * WIDTH else 1


@np.errstate(over="ignore", invalid="ignore")  # a loss that is not finite tells
def run_shard(model, batch, rng, objective, parts, recompute):
    """The body reads the whole batch; only one part's logits exist at a time.

    What forward kept for backward ends with this call: a step never holds another step's.
    """
    x, cache = model.forward_body(batch.tokens, rng=rng, recompute=recompute)  # (B, T, d)
    below = model.body_trains()  # whether backward goes on below the head
    loss, dx, head = 0, [], model.lm_head
    for at, part in parts_of(batch, head, parts):
        logits, head_cache = head.forward(x[at])
        part_loss, dlogits = objective(logits, part)
        del logits  # so that with dlogits there are two at most, of a part
        loss += part_loss
        dx.append(head.backward(dlogits, head_cache, below_trains=below))
    if below:
        model.backward_body(dx[0] if len(dx) == 1 else np.concatenate(dx), cache)
    return loss


def loss_in_parts(model, batch, objective):
    """The objective's loss alone, a part at a time; nothing is kept for a backward pass."""
    x, head = model.forward_body(batch.tokens, keep=False)[0], model.lm_head
    return sum(objective(head(x[at]), part)[0] for at, part in parts_of(batch, head))


def parts_of(batch, head, parts=None):
    """Yield (slice of the batch, that part); a pair is never parted."""
    together = max(1, PART // (batch.tokens[: batch.group].size * head.n_classes))  # groups
    start = 0
    for part in batch.split(parts or -(-len(batch) // (batch.group * together))):
        yield slice(start, start + len(part)), part
        start += len(part)
