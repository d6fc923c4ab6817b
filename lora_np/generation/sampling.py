"""Text, one token after another: predict, choose, append.

The keys and values of what was read are kept, so each new token costs one position's work.
"""

from collections.abc import Iterator, Sequence
from numbers import Integral

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike

from ..nn.functional import softmax_forward
from ..nn.module import Module
from ..system.checks import check_real, check_whole

Rng = Generator | Sequence[Generator] | None
Stop = int | Sequence[int] | None


def generate(
    model: Module, prompt: ArrayLike | Sequence[ArrayLike], n: int, *, temperature: float = 0.0,
    top_k: int | None = None, top_p: float | None = None, rng: Rng = None, stop: Stop = None,
) -> np.ndarray | list[np.ndarray]:  # fmt: skip
    """The prompt and up to n tokens after it; the options are those of `stream`.

    Prompts of several lengths, a list of them, are continued together, each as it would be alone;
    each then ends with its own mark, or after n tokens.
    Shapes: prompt (T,) or (B, T), the result (T + n,) or (B, T + n), or shorter; a list of prompts
    (T_i,) gives a list of (T_i + n,), or shorter.
    """
    prompts, single = _prompts(prompt)
    marks = _marks(model, stop)
    choose = _chooser(n, temperature, top_k, top_p, rng, len(prompts))
    steps = [*_steps(model, prompts, n, choose, marks)]
    first = len(prompts[0])
    if all(len(each) == first for each in prompts):
        texts = np.stack([*np.stack(prompts).T, *steps], axis=-1)  # (B, T + n)
        return texts[0] if single else texts
    new = np.stack(steps, axis=-1) if steps else np.empty((len(prompts), 0), np.int64)
    start = min(map(len, prompts))
    return [_upto(each, new[i, len(each) - start :][:n], marks) for i, each in enumerate(prompts)]


def stream(
    model: Module, prompt: ArrayLike, n: int, *, temperature: float = 0.0,
    top_k: int | None = None, top_p: float | None = None, rng: Rng = None, stop: Stop = None,
) -> Iterator:  # fmt: skip
    """Yield up to n next tokens: whole numbers after a prompt (T,), arrays (B,) after (B, T).

    Temperature 0 takes the likeliest token; otherwise p = softmax(logits/temperature), cut to the
    `top_k` likeliest or to the fewest that hold a share `top_p` (Holtzman et al. 2020, §3.1), and
    drawn from with `rng`, or with one for each sequence. `stop` is one end mark or several, by
    default those that the model's own files state, and () is none. A sequence that chose one
    repeats it; when all have, the stream ends.
    Raises: ValueError, before any work, for settings out of range, a missing rng, or more tokens
    than the context holds. FloatingPointError for logits that are not finite.
    """
    prompts, single = _prompts(prompt)
    if any(len(each) != len(prompts[0]) for each in prompts):
        raise ValueError("stream: expected prompts of one length; generate takes any")
    choose = _chooser(n, temperature, top_k, top_p, rng, len(prompts))
    steps = _steps(model, prompts, n, choose, _marks(model, stop))
    return (int(chosen[0]) for chosen in steps) if single else steps


def _prompts(prompt):
    """(a list of prompts (T_i,), whether it was one alone)"""
    listed = isinstance(prompt, list | tuple)
    if isinstance(prompt, str) or listed and any(isinstance(each, str) for each in prompt):
        raise ValueError("generate: expected tokens, got a string; encode it: tokenizer.encode(…)")
    several = listed and any(np.ndim(each) for each in prompt) or np.ndim(prompt) == 2
    prompts = [np.asarray(each) for each in (prompt if several else [prompt])]
    if not prompts or not all(each.ndim == 1 and each.size for each in prompts):
        found = [each.shape for each in prompts] if several else np.shape(prompt)
        raise ValueError(f"generate: expected a prompt (T,) or (B, T), got {found!r}")
    for each in prompts:
        if each.dtype.kind not in "iu":
            raise ValueError(f"generate: expected tokens, whole numbers, got {each.dtype}")
    return prompts, not several


def _marks(model, stop):
    """The marks that end a sequence, an array."""
    if stop is None:
        stated = model.unwrapped().special_tokens
        stop = () if stated is None else stated.eos_token_id
    marks = [stop] if is_token(stop) else stop
    if not np.iterable(marks) or not all(map(is_token, marks)):
        raise ValueError(f"generate: expected stop to be a token or several, got {stop!r}")
    return np.array([*marks], np.int64)


def _chooser(n, temperature, top_k, top_p, rng, B):
    """The function from (logits (B, V), which rows choose (B,)) to tokens (B,)."""
    check_whole("generate: expected n", n, 0)
    check_real("generate: expected a temperature", temperature, "from 0")
    if top_k is not None:
        check_whole("generate: expected top_k", top_k)
    if top_p is not None:
        check_real("generate: expected top_p", top_p, "above 0, up to 1")
    if temperature > 0 and rng is None:
        raise ValueError("generate: a temperature above 0 needs an rng to draw with")
    own = isinstance(rng, list | tuple)
    if own and len(rng) != B:
        raise ValueError(f"generate: expected one rng, or {B}, one a prompt, got {len(rng)}")

    def choose(logits, choosing):
        if not np.isfinite(logits).all():
            raise FloatingPointError("generate: the model's logits are not finite")
        if temperature == 0:
            return logits.argmax(axis=-1)
        source = OwnRngs(rng, choosing) if own else rng
        return sample(divided(logits, temperature), top_k, top_p, source)

    return choose


class OwnRngs:
    """A generator for each row, drawn from only where a row chooses."""

    def __init__(self, rngs, choosing):
        self.rngs, self.choosing = rngs, choosing

    def random(self, shape):
        draws = [rng.random() if c else 0.0 for rng, c in zip(self.rngs, self.choosing)]
        return np.array(draws).reshape(shape)


def _steps(model, prompts, n, choose, marks):
    """An iterator over the next tokens (B,), from the shortest prompt's end to n past the longest.

    All are read up to the shortest's end; from there a longer one takes its own next token where
    a shorter one takes the chosen one. So each stands at its own positions, and nothing is padded.
    """
    lengths = np.array([len(each) for each in prompts])
    past = model.new_past(len(prompts), int(lengths.max()) + n)
    return _chosen(model, prompts, lengths, n, past, choose, marks)


def _chosen(model, prompts, lengths, n, past, choose, marks):
    start, ended = int(lengths.min()), np.zeros(len(prompts), bool)
    unread = np.stack([each[:start] for each in prompts])
    if n == 0:
        return
    for t in range(start, int(lengths.max()) + n):
        given = t < lengths  # rows still in their prompt
        ended |= t >= lengths + n
        x, _ = model.forward_body(unread, past=past, keep=False)
        chosen = choose(model.lm_head(x[:, -1:])[:, 0], ~(given | ended))  # (B,)
        own = [each[t] if t < len(each) else last for each, last in zip(prompts, unread[:, -1])]
        chosen = np.where(given | ended, own, chosen)
        ended |= ~given & (chosen[:, None] == marks).any(axis=1)  # np.isin takes 8 times as long
        unread = chosen[:, None]
        yield chosen
        if ended.all():
            return


def _upto(prompt, new, marks):
    """The prompt and what is new, up to its first mark."""
    at = np.flatnonzero(np.isin(new, marks))
    return np.concatenate([prompt, new[: at[0] + 1] if at.size else new])


def is_token(value):
    return isinstance(value, Integral) and not isinstance(value, bool)


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
    u = rng.random((len(p), 1)) * reached[:, -1:]  # below Σp, also for the largest draw, 1 − 2⁻⁵³
    rank = (reached <= u).sum(axis=-1)
    return np.take_along_axis(order, rank[:, None], axis=-1)[:, 0]
