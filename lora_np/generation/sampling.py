"""Text, one token after another: predict, choose, append.

The keys and values of what was read are kept, so each new token costs one position's work.
"""

import math
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike

from ..nn.functional import softmax_forward
from ..nn.module import Module


def generate(model: Module, prompt: ArrayLike, n: int, **options) -> np.ndarray:
    """The prompt and up to n tokens after it; `options` are those of `stream`.

    Shapes: prompt (T,) or (B, T), the result (T + n,) or (B, T + n), or shorter.
    """
    prompt = np.asarray(prompt)
    new = list(stream(model, prompt, n, **options))
    return np.concatenate([prompt, np.stack(new, axis=-1)], axis=-1) if new else prompt


def stream(model, prompt, n, *, temperature=0.0, top_k=None, top_p=None, rng=None, stop=None):
    """Yield up to n next tokens: whole numbers after a prompt (T,), arrays (B,) after (B, T).

    Temperature 0 takes the likeliest token; otherwise p = softmax(logits/temperature), cut to the
    `top_k` likeliest or to the fewest that hold a share `top_p` (Holtzman et al. 2020, §3.1), and
    drawn from with `rng`. A sequence that chose `stop` repeats it; when all have, the stream ends.
    Raises: ValueError, before any work, for settings out of range, a missing rng, or more tokens
    than the context holds. FloatingPointError for logits that are not finite.
    """
    prompt = np.asarray(prompt)
    for fine, expected, found in (
        (prompt.ndim in (1, 2) and prompt.size, "a prompt (T,) or (B, T)", prompt.shape),
        (_is(n, Integral) and n >= 0, "n to be a whole number from 0", n),
        (
            _is(temperature, Real) and 0 <= temperature < math.inf,
            "a temperature from 0",
            temperature,
        ),
        (top_k is None or _is(top_k, Integral) and top_k >= 1, "top_k from 1", top_k),
        (top_p is None or _is(top_p, Real) and 0 < top_p <= 1, "top_p above 0, up to 1", top_p),
    ):
        if not fine:
            raise ValueError(f"generate: expected {expected}, got {found!r}")
    if temperature > 0 and rng is None:
        raise ValueError("generate: a temperature above 0 needs an rng to draw with")
    tokens = prompt if prompt.ndim == 2 else prompt[None]  # (B, T)
    past = model.new_past(tokens.shape[0], tokens.shape[1] + n)

    def choose(logits):
        if not np.isfinite(logits).all():
            raise FloatingPointError("generate: the model's logits are not finite")
        if temperature == 0:
            return logits.argmax(axis=-1)
        return sample(divided(logits, temperature), top_k, top_p, rng)

    return _steps(model, tokens, n, past, choose, stop, prompt.ndim == 1)


def _steps(model, tokens, n, past, choose, stop, single):
    ended = np.zeros(len(tokens), bool)
    unread = tokens
    for _ in range(n):
        chosen = choose(model(unread, past=past)[:, -1])  # (B,)
        if stop is not None:
            chosen = np.where(ended, stop, chosen)
            ended |= chosen == stop
        unread = chosen[:, None]
        yield int(chosen[0]) if single else chosen
        if ended.all():
            return


def _is(value, kind):
    return isinstance(value, kind) and not isinstance(value, bool)


def divided(logits, temperature):
    """logits/temperature, less a number of each row that softmax does not see: the largest is 0.

    It stays 0 however small the temperature, while the others may fall to −∞, a share of 0.
    """
    below = logits.astype(np.float64)
    with np.errstate(over="ignore"):
        below -= below.max(axis=-1, keepdims=True)
        return below / float(temperature)


def sample(logits, top_k, top_p, rng):
    """One token for each row of logits (B, V), drawn from its softmax after both cuts."""
    order = np.argsort(-logits, axis=-1, kind="stable")  # likeliest first; ties by number
    p, _ = softmax_forward(np.take_along_axis(logits, order, axis=-1).astype(np.float64))
    if top_k is not None:
        p[:, top_k:] = 0
    p /= p.sum(axis=-1, keepdims=True)
    if top_p is not None:
        before = p.cumsum(axis=-1) - p  # the share of those likelier than this one
        p[before >= top_p] = 0
    reached = p.cumsum(axis=-1)
    u = rng.random((len(p), 1)) * reached[:, -1:]  # in [0, Σp)
    rank = np.minimum((reached <= u).sum(axis=-1), (p > 0).sum(axis=-1) - 1)  # u may round up
    return np.take_along_axis(order, rank[:, None], axis=-1)[:, 0]
