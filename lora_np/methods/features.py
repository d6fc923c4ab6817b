"""Feature extraction: the frozen body reads each text once, and several heads learn from that.

A head's gradient dW = dlogitsᵀ x needs only x, what the body made of the text. Where the body is
frozen x never changes, so it is computed once and kept: head tuning without the body's work at
every step, and any number of heads share it.
"""

from ..nn.language_model import body_and_head


def extract_features(model, tokens, **options):
    """x, the numbers the head reads, so that logits = x Wᵀ; `options` go to forward.

    To train a head on them: `logits, cache = head.forward(x)`, then
    `head.backward(dlogits, cache, below_trains=False)`.
    Shapes: tokens (B, T), x (B, T, d).
    Raises: ValueError for a model without a head.
    """
    body, _ = body_and_head(model)
    return body(tokens, **options)
