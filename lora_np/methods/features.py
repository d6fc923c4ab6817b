"""Feature extraction: the frozen body reads each text once, and several heads learn from that.

A head's gradient dW = dlogitsᵀ x needs only x, what the body made of the text. Where the body is
frozen x never changes, so it is computed once and kept: head tuning without the body's work at
every step, and any number of heads share it.
"""

from ..nn.language_model import Head
from ..nn.module import Module


class PassesThrough(Module):
    """In a head's place: the features themselves."""

    def forward(self, x, *, rng=None):
        return x, None


def extract_features(model, tokens, **options):
    """x, the numbers the head reads, so that logits = x Wᵀ; `options` go to forward.

    To train a head on them: `logits, cache = head.forward(x)`, then
    `head.backward(dlogits, cache, below_trains=False)`.
    Shapes: tokens (B, T), x (B, T, d).
    Raises: ValueError for a model without a head.
    """
    view = model.view()
    heads = [
        (container, key)
        for module in view.modules()
        for _, container, key in module.children()
        if isinstance(container[key], Head)
    ]
    if not heads:
        raise ValueError(f"extract_features: {type(model).__name__} has no head to read for")
    for container, key in heads:
        container[key] = PassesThrough()
    return view(tokens, **options)
