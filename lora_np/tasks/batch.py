"""A batch: tokens, a target at each position, and a weight that says how much each one counts."""

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import ArrayLike

from ..system.checks import check_real, check_whole


@dataclass(eq=False)
class Batch:
    """Tokens, targets and weights; an objective divides by `total`, the whole batch's weight.

    A weight of 0 masks a target out. Padding is on the right: what comes later is never seen.
    Objectives that need more per sequence (a teacher's logits, old log-probabilities) add array
    fields in a subclass; `split` cuts every array along B, and never inside `group` neighbours
    (2 keeps preference pairs together).
    Shapes: tokens, targets and weights (B, T).
    Raises: ValueError for arrays whose shapes do not agree, weights that are not finite, a B that
    is not a multiple of `group`.
    """

    tokens: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    total: float | None = field(default=None, kw_only=True)
    group: int = field(default=1, kw_only=True)

    def __post_init__(self):
        shapes = [self.tokens.shape, self.targets.shape, self.weights.shape]
        if self.tokens.ndim != 2 or len(set(shapes)) != 1:
            raise ValueError(f"Batch: expected tokens, targets, weights (B, T), got {shapes}")
        for name in self.arrays():
            if len(getattr(self, name)) != len(self):
                raise ValueError(
                    f"Batch: expected {name} for {len(self)} sequences, "
                    f"got {len(getattr(self, name))}"
                )
        if not np.isfinite(self.weights).all():
            raise ValueError("Batch: expected finite weights")
        check_whole("Batch: expected a group", self.group)
        if self.total is not None:
            check_real("Batch: expected a total", self.total, "from 0")
        if len(self) % self.group:
            raise ValueError(f"Batch: {len(self)} sequences are no multiple of {self.group}")
        if self.total is None:
            self.total = float(self.weights.sum(dtype=np.float64))

    def __len__(self):
        return len(self.tokens)

    def arrays(self):
        """The names of the fields that hold one entry a sequence."""
        return [f.name for f in fields(self) if isinstance(getattr(self, f.name), np.ndarray)]

    def split(self, n: int) -> list["Batch"]:
        """At most n shards, in order and about equal; each keeps the whole batch's total.

        So the gradients of the shards add up to the batch's own.
        """
        check_whole("split: expected n", n)
        groups = len(self) // self.group
        n = max(1, min(n, groups))
        edges = [groups * i // n * self.group for i in range(n + 1)]
        return [
            replace(self, **{name: getattr(self, name)[start:end] for name in self.arrays()})
            for start, end in zip(edges, edges[1:])
        ]


def padded(texts, filler):
    """(tokens (B, T), lengths): rows of several lengths, filled up on the right to the longest."""
    lengths = [len(text) for text in texts]
    tokens = np.full((len(texts), max(lengths)), filler, np.int64)
    for row, text in zip(tokens, texts):
        row[: len(text)] = text
    return tokens, lengths


def next_token(tokens: np.ndarray, lengths: np.ndarray | None = None) -> Batch:
    """Every token but the first is the target of the position before it.

    `lengths` says how many tokens of each row are real, all by default; targets in the padding
    weigh 0.
    Shapes: tokens (B, T + 1), lengths (B,), the batch's arrays (B, T).
    """
    tokens = np.asarray(tokens)
    if tokens.ndim != 2 or tokens.shape[1] < 2:
        raise ValueError(f"next_token: expected tokens (B, 2 or more), got {tokens.shape}")
    B, T = tokens.shape
    lengths = _check_lengths(np.full(B, T) if lengths is None else lengths, B, T)
    real = np.arange(1, T) < lengths[:, None]  # (B, T): is the target a real token?
    return Batch(tokens[:, :-1], tokens[:, 1:], real.astype(np.float32))


def completion(
    tokens: np.ndarray, prompt_length: int | np.ndarray, lengths: np.ndarray | None = None
) -> Batch:
    """`next_token`, where only what comes after the prompt is a target that counts.

    Shapes: tokens (B, T + 1), prompt_length one number or (B,), lengths (B,) of whole texts.
    Raises: ValueError for a prompt of no tokens, or a text that ends with its prompt.
    """
    tokens = np.asarray(tokens)
    batch = next_token(tokens, lengths)
    ends = np.full(len(tokens), tokens.shape[1]) if lengths is None else np.asarray(lengths)
    prompts = np.broadcast_to(prompt_length, len(tokens))
    wrong = (prompts < 1) | (prompts >= ends)
    if wrong.any():
        at = wrong.argmax()
        raise ValueError(
            f"completion: expected a prompt of 1 to {ends[at] - 1} tokens, since the text has "
            f"{ends[at]} and an empty completion teaches nothing; got {prompts[at]}"
        )
    batch.weights[np.arange(1, tokens.shape[1]) < prompts[:, None]] = 0
    batch.total = float(batch.weights.sum(dtype=np.float64))
    return batch


def classification(tokens: np.ndarray, lengths: ArrayLike, labels: ArrayLike) -> Batch:
    """Each row's label is the target of its last real token; no other position counts.

    Shapes: tokens (B, T), lengths and labels (B,).
    """
    tokens, labels = np.asarray(tokens), np.asarray(labels)
    if tokens.ndim != 2 or labels.shape != tokens.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "classification: expected tokens (B, T) and whole labels (B,), "
            f"got {tokens.shape} and {labels.dtype} {labels.shape}"
        )
    B, T = tokens.shape
    last = (np.arange(B), _check_lengths(lengths, B, T) - 1)
    targets, weights = np.zeros((B, T), np.int64), np.zeros((B, T), np.float32)
    targets[last], weights[last] = labels, 1.0
    return Batch(tokens, targets, weights)


def _check_lengths(lengths, B, T):
    lengths = np.asarray(lengths)
    if lengths.shape != (B,) or lengths.min() < 1 or lengths.max() > T:
        raise ValueError(f"expected {B} lengths from 1 to {T}, got {lengths}")
    return lengths
