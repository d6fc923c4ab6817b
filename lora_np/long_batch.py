"""A training step whose logits are never all there at once.

With 49,152 tokens to choose from, the logits of 8 sequences of 128 take 201 MB, as much as all
that 30 layers keep. The head and the objective treat each sequence alone, so they can take a few
at a time: the sum of their gradients is the same.
"""

import numpy as np

from .nn.language_model import body_trains


def forward_backward_in_parts(model, batch, objective, *, rng=None, parts=None):
    """Forward, objective, backward; returns the loss, and accumulates the gradients.

    The body reads the whole batch; the head and the objective read `parts` of it (by default one
    for each sequence, or pair, which is never parted), and only one part's logits exist at a time.
    `model` is a LanguageModel itself, with any layers wrapped.
    """
    x, embed_cache = model.embed(batch.tokens, rng=rng)
    x, body_cache = model.body(x, rng=rng, below_trains=model.embed_trains())
    below_head = body_trains(body_cache)
    dx, losses, start = np.empty_like(x), [], 0
    for part in batch.split(parts or len(batch)):
        at = slice(start, start + len(part))
        start = at.stop
        logits, head_cache = model.lm_head.forward(x[at])
        loss, dlogits = objective(logits, part)
        del logits  # so that with dlogits there are two at most, of a part
        losses.append(loss)
        dx_part = model.lm_head.backward(dlogits, head_cache, below_trains=below_head)
        if below_head:
            dx[at] = dx_part
    dx, _ = model.body_backward(dx, body_cache)
    if dx is not None:
        model.embed_backward(dx, embed_cache)
    return sum(losses)
