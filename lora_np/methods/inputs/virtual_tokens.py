"""What prompt and prefix tuning share: a model that stands behind `length` learned positions."""

import numpy as np

from ...nn.language_model import BodyAndHead, LanguageModel
from ...nn.module import Wrapper


class BehindVirtualTokens(Wrapper, BodyAndHead):
    """A model whose real tokens start at position `length`; used wherever one is.

    The virtual tokens come first only where `past` is None. A past from `new_past` holds them.
    """

    config = property(lambda self: self.base.config)
    lm_head = property(lambda self: self.base.lm_head)

    def _check_positions(self, shape, position=0):
        name, room, start = type(self).__name__, self.config.n_positions, np.max(position)
        if len(shape) != 2:
            raise ValueError(f"{name}: expected tokens of shape (B, T), got {shape}")
        if start + self.length + shape[1] > room:
            many = f"{self.length} virtual and {shape[1]} real tokens from position {start}"
            raise ValueError(f"{name}: {many} on do not fit in the context: n_positions is {room}")

    def _new_past(self, batch, length):
        self._check_positions((batch, length))
        return self.base.new_past(batch, self.length + length)


def check_model(method, model, length):
    """Raise ValueError unless this is a model with room for `length` tokens and a real one."""
    if not isinstance(model, LanguageModel):
        raise ValueError(f"{method}: expected a language model, got {type(model).__name__}")
    if length >= (room := model.config.n_positions):
        why = f"leave no room for a real one: n_positions is {room}"
        raise ValueError(f"{method}: {length} virtual tokens {why}")


def repeated_ids(method, ids, length, vocab_size):
    """Token ids as an array (length,), repeated or cut to fit, as PEFT does with an init text."""
    ids = np.asarray(ids)
    if ids.ndim != 1 or ids.size == 0 or ids.dtype.kind not in "iu":
        raise ValueError(f"{method}: expected token ids, some whole numbers, got {ids!r}")
    if ids.min() < 0 or ids.max() >= vocab_size:
        found = f"got {ids.min()} to {ids.max()}"
        raise ValueError(f"{method}: expected token ids from 0 to {vocab_size - 1}, {found}")
    return np.resize(ids, length)
