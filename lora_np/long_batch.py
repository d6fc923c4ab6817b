"""A training step whose logits are never all there at once.

With 49,152 tokens to choose from, the logits of 8 sequences of 128 take 201 MB, as much as all
that 30 layers keep. The head and the objective treat each sequence alone, so they can take a few
at a time: the sum of their gradients is the same.
"""

import numpy as np

from .nn.language_model import body_and_head

PART = 1 << 23  # the most logits of a part, if it has more than one sequence (or pair): 34 MB


def forward_backward_in_parts(model, batch, objective, *, rng=None, parts=None):
    """Forward, objective, backward; returns the loss, and accumulates the gradients.

    The body reads the whole batch; the head and the objective read `parts` of it, one after
    another, and only one part's logits exist at a time. A part is some sequences, or pairs, which
    are never parted; by default as many as have PART logits.
    """
    body, head = body_and_head(model)
    x, cache = body.forward(batch.tokens, rng=rng)  # (B, T, d)
    below = body.trains()  # whether backward goes on below the head
    loss, dx = 0, []
    for at, part in parts_of(batch, head, parts):
        logits, head_cache = head.forward(x[at])
        part_loss, dlogits = objective(logits, part)
        del logits  # so that with dlogits there are two at most, of a part
        loss += part_loss
        dx.append(head.backward(dlogits, head_cache, below_trains=below))
    if below:
        body.backward(dx[0] if len(dx) == 1 else np.concatenate(dx), cache)
    return loss


def loss_in_parts(model, batch, objective):
    """The objective's loss alone, a part at a time; nothing is kept for a backward pass."""
    body, head = body_and_head(model)
    x = body(batch.tokens)
    return sum(objective(head(x[at]), part)[0] for at, part in parts_of(batch, head))


def parts_of(batch, head, parts=None):
    """Yield (slice of the batch, that part), `parts` of them or as many as PART asks for."""
    together = max(1, PART // (batch.tokens[: batch.group].size * head.n_classes))  # groups
    start = 0
    for part in batch.split(parts or -(-len(batch) // (batch.group * together))):
        yield slice(start, start + len(part)), part
        start += len(part)
