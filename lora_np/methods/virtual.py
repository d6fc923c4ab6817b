"""What prompt and prefix tuning share: a model that stands behind `length` learned positions."""

import numpy as np

from ..nn.language_model import LanguageModel
from ..nn.module import Module

PEFT_SIZES = (  # what PEFT writes down of the model that a prompt or prefix belongs to
    "token_dim", "num_transformer_submodules", "num_attention_heads", "num_layers",
)  # fmt: skip


class BehindVirtualTokens(Module):
    """A model whose real tokens start at position `length`; used wherever one is.

    The virtual tokens come first only where `past` is None. A past from `new_past` holds them.
    """

    config = property(lambda self: self.base.config)
    file_prefix = property(lambda self: self.base.file_prefix)
    lora_targets = property(lambda self: self.base.lora_targets)

    def __call__(self, tokens, **options):
        """The logits of the real tokens alone; nothing is kept for a backward pass."""
        return self.forward(tokens, keep=False, **options)[0]

    def _check_room(self, shape, position=0):
        """Raise ValueError unless tokens of this shape (B, T) fit behind the virtual ones."""
        name, room = type(self).__name__, self.config.n_positions
        if len(shape) != 2:
            raise ValueError(f"{name}: expected tokens of shape (B, T), got {shape}")
        if np.max(position) + self.length + shape[1] > room:
            raise ValueError(
                f"{name}: {self.length} virtual and {shape[1]} real tokens from position "
                f"{np.max(position)} on do not fit in the context: n_positions is {room}"
            )

    def _new_past(self, batch, length):
        """The base's empty past with room for the virtual tokens too."""
        self._check_room((batch, length))
        return self.base.new_past(batch, self.length + length)


def check_length(method, length):
    """Raise ValueError unless `length` is a whole number from 1."""
    if isinstance(length, bool) or not isinstance(length, int) or length < 1:
        raise ValueError(f"{method}: expected a length from 1, a whole number, got {length!r}")


def check_model(method, model, length):
    """Raise ValueError unless this is a model with room for `length` tokens and a real one."""
    if not isinstance(model, LanguageModel):
        raise ValueError(f"{method}: expected a language model, got {type(model).__name__}")
    room = model.config.n_positions
    if length >= room:
        raise ValueError(
            f"{method}: {length} virtual tokens leave no room for a real one: n_positions is {room}"
        )


def repeated_ids(method, ids, length, vocab_size):
    """Token ids as an array (length,), repeated or cut to fit, as PEFT does with a prompt's text.

    Raises: ValueError for no ids, or ids outside the vocabulary.
    """
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.size == 0 or ids.dtype.kind not in "iu":
        raise ValueError(f"{method}: expected token ids, some whole numbers, got {ids!r}")
    if ids.min() < 0 or ids.max() >= vocab_size:
        raise ValueError(
            f"{method}: expected token ids from 0 to {vocab_size - 1}, "
            f"got {ids.min()} to {ids.max()}"
        )
    return np.resize(ids, length)
