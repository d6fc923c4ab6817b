"""Samples of one's own, a prompt or a conversation and its answer: only answers count."""

import json
from dataclasses import dataclass

import numpy as np

from ..system.checks import check_whole, said_of
from ..tokenizers.special_tokens import prompt_tokens
from .batch import completion
from .dialogue import dialogue_tokens
from .held_out import by_hash, check_windows, describe


@dataclass(frozen=True, eq=False)
class Samples:
    """Prompts and their answers, all of one part in one row of tokens; it yields batches as a Text.

    A sample of more than `length` + 1 tokens loses the beginning of its prompt, and then the end of
    its answer; `describe(length)` says how many do.
    Shapes: train and held_out (N,); train_rows and held_out_rows (samples, 3): where a sample
    begins, where its answer does, and where it ends.
    """

    name: str
    train: np.ndarray
    held_out: np.ndarray
    train_rows: np.ndarray
    held_out_rows: np.ndarray
    form: str | None = None
    hashed = "their own text"

    @property
    def documents(self):
        return len(self.train_rows), len(self.held_out_rows)

    def __str__(self):
        return self.describe()

    def describe(self, length=None):
        """What was read and what is held out; with `length`, how many samples are cut to it."""
        rows = np.concatenate([self.train_rows, self.held_out_rows])
        counted = (rows[:, 2] - rows[:, 1]).sum()
        words = f"{describe(self, 'sample')}. {counted:,} tokens are answers, and only those count"
        if length is not None:
            cut = (rows[:, 2] - rows[:, 0] > length + 1).sum()
            words += f". {cut:,} samples are cut to {length} tokens" if cut else ""
        return words

    def batches(self, rng, batch_size=32, length=128):
        """Yield batches without end, of samples that `rng` chooses, all padded to one length."""
        width = _width(self, self.train_rows, length)
        check_whole(f"{self.name}: expected a batch_size", batch_size)
        while True:
            chosen = rng.integers(0, len(self.train_rows), batch_size)
            yield _batch(self.train, self.train_rows[chosen], width)

    def held_out_batches(self, windows=256, batch_size=32, length=128):
        """The same `windows` samples each time, evenly spaced, or all, if there are fewer."""
        check_windows(self.name, windows, batch_size)
        n, width = len(self.held_out_rows), _width(self, self.held_out_rows, length)
        rows = self.held_out_rows[np.linspace(0, n - 1, min(windows, n)).astype(np.int64)]
        for i in range(0, len(rows), batch_size):
            yield _batch(self.held_out, rows[i : i + batch_size], width)


def _width(samples, rows, length):
    """One for all batches: a step's memory is checked once, before the first."""
    check_whole(f"{samples.name}: expected a length", length)
    return min(length + 1, int((rows[:, 2] - rows[:, 0]).max()))


def _batch(tokens, rows, width):
    begin, answer, end = rows.T
    begin = np.maximum(begin, np.minimum(end - width, answer - 1))
    lengths = np.minimum(end - begin, width)
    places = np.arange(width)
    at = np.where(places < lengths[:, None], begin[:, None] + places, begin[:, None])
    return completion(tokens[at].astype(np.int64), answer - begin, lengths)


def samples(name, found, tokenizer, form=None):
    """Samples from pairs (prompt, completion) and conversations, lists of (role, text).

    Each of the assistant's turns that has something before it is an answer of its own; a
    conversation is held out as a whole. A completion ends with the tokenizer's end; a prompt begins
    as the model's files say, and so it does for `generate`.
    Raises: ValueError unless two samples differ, and for an empty side that no token stands for.
    """
    keys = [json.dumps(sample) for sample in found]
    held_out = set(by_hash(set(keys))[0])
    if not held_out:
        raise ValueError(
            f"{name}: expected two samples that differ, one to learn from and one to hold out, "
            f"found one{f', {len(found):,} times' if len(found) > 1 else ''}"
        )
    kind = np.uint16 if tokenizer.vocab_size <= 1 << 16 else np.uint32
    sides = [], []  # to learn from, held out: pairs of a prompt's and an answer's tokens
    with said_of(name):
        for key, sample in zip(keys, found):
            sides[key in held_out].extend(_tokens(sample, tokenizer))
    (train, train_rows), (held, held_rows) = (_one_row(side, kind) for side in sides)
    return Samples(name, train, held, train_rows, held_rows, form)


def _tokens(sample, tokenizer):
    """[(prompt's tokens, answer's)]"""
    if isinstance(sample, list):
        return [
            dialogue_tokens(tokenizer, sample[:i], text)
            for i, (role, text) in enumerate(sample)
            if role == "assistant" and i
        ]
    end = [] if tokenizer.end is None else [tokenizer.end]
    prompt, answer = (
        prompt_tokens(tokenizer, sample[0]),
        tokenizer.encode(sample[1], False).tolist(),
    )
    if not (end or prompt and answer):
        raise ValueError(
            "expected a prompt and a completion, since this tokenizer has no token for "
            f"the end of a text; got {sample[0][:40]!r} and {sample[1][:40]!r}"
        )
    return [(prompt, [*answer, *end])]


def _one_row(side, kind):
    ends = np.cumsum([len(part) for pair in side for part in pair]).reshape(-1, 2)
    begins = np.concatenate([[0], ends[:-1, 1]])
    rows = np.concatenate([begins[:, None], ends], axis=1).astype(np.int64)
    return np.array([t for pair in side for part in pair for t in part], kind), rows
