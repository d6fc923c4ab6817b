"""What the experiments share: the loop in its barest form."""

import numpy as np

from ..optim import AdamW


def fit(model, batches, objective, lr):
    """One AdamW step a batch, the rate falling to 0 by half a cosine. Returns the losses."""
    optimizer = AdamW(model.trainable_parameters(), lr)
    losses, batches = [], list(batches)
    for step, batch in enumerate(batches):
        logits, cache = model.forward(batch.tokens)
        loss, dlogits = objective(logits, batch)
        model.backward(dlogits, cache)
        optimizer.rate = 0.5 + 0.5 * np.cos(np.pi * step / len(batches))
        optimizer.step()
        losses.append(loss)
    return losses
