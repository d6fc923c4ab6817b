"""A teacher's outputs: its logits at every position, for a student to imitate."""

from dataclasses import dataclass

import numpy as np

from ..nn.module import Module
from .batch import Batch, completion
from .reference import check_same_vocabulary


@dataclass(eq=False)
class TaughtBatch(Batch):
    """A batch with the logits of a teacher.

    Shapes: teacher_logits (B, T, K).
    """

    teacher_logits: np.ndarray

    def __post_init__(self):
        super().__post_init__()
        if self.teacher_logits.shape[:-1] != self.tokens.shape:
            got = self.teacher_logits.shape
            raise ValueError(f"expected teacher logits ({self.tokens.shape}, K), got {got}")
        if not np.isfinite(self.teacher_logits).all():
            raise ValueError("TaughtBatch: expected finite teacher logits")


def taught(student: Module, teacher: Module, batch: Batch) -> TaughtBatch:
    """`batch` with the teacher's logits; the labels stay, to be mixed in as hard ones."""
    check_same_vocabulary(student, teacher, "teacher")
    own: dict = {"total": batch.total, "group": batch.group}
    return TaughtBatch(batch.tokens, batch.targets, batch.weights, teacher(batch.tokens), **own)


def without_context(
    student: Module, teacher: Module, context: np.ndarray, tokens: np.ndarray,
    prompt_length: int | np.ndarray, lengths: np.ndarray | None = None,
) -> TaughtBatch:  # fmt: skip
    """Texts without a context, with the logits of a teacher that reads them behind it.

    The teacher reads C tokens more, so the student's position t is the teacher's C + t, and both
    predict the same next token there. Only the completion counts: what comes after `prompt_length`
    tokens. With absolute positions the text also stands C places earlier than it did.
    Shapes: context (C,), the same before all texts, or (B, C); tokens (B, T).
    """
    check_same_vocabulary(student, teacher, "teacher")
    batch = completion(tokens, prompt_length, lengths)
    context = np.asarray(context)
    if context.ndim not in (1, 2) or context.shape[-1] == 0:
        raise ValueError(f"expected a context (C,) or (B, C), got {context.shape}")
    B, C = len(batch), context.shape[-1]
    behind = np.concatenate([np.broadcast_to(context, (B, C)), batch.tokens], axis=1)
    logits = teacher(behind)[:, C:]  # the teacher's position C + t beside the student's t
    return TaughtBatch(batch.tokens, batch.targets, batch.weights, logits)
