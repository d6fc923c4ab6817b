"""Models that are asked and never trained: the reference of PPO and DPO, and the teacher."""

from ..nn.module import Module
from ..objectives.log_probability import target_logprobs_forward


def reference(model: Module) -> Module:
    """A frozen view of `model`: the same arrays, so it costs no memory.

    It stays as it is while an adapter beside the same weights learns: a method trains copies.
    """
    return model.view().freeze()


def token_logprobs(model, batch):
    """log p[target] under `model` at each position that counts, 0 at the others.

    Shapes: (B, T), in nats.
    """
    return target_logprobs_forward(model(batch.tokens), batch)[0]


def check_same_vocabulary(model, other, name):
    """Raise ValueError unless both models' logits range over equally many tokens."""
    ours, theirs = vocabulary(model), vocabulary(other)
    if ours != theirs:
        raise ValueError(
            f"the {name} has a vocabulary of {theirs} tokens, the model that learns {ours}: "
            "their log-probabilities cannot be compared"
        )


def vocabulary(model):
    """K, how many logits the model gives a position."""
    return model.unwrapped().lm_head.n_classes
