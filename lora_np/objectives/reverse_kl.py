"""Reverse KL: what the student itself finds likely must be likely to the teacher."""

import numpy as np

from ..nn.functional import log_softmax
from .log_probability import shares


def reverse_kl(logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
    """L = Σ w·KL(p ‖ p_teacher) / Σ w, p = softmax(logits), p_teacher = softmax(teacher_logits).

    (Gu et al. 2023, arXiv 2306.08543, §2.1; Agarwal et al. 2023, arXiv 2306.13649, §3: on texts
    that the student wrote.) `Distillation` has KL(p_teacher ‖ p), which asks for all that the
    teacher may say; this one lets the student leave some of it out. With a position's KL:
        dlogits = w·p·(log p − log p_teacher − KL) / Σ w
    Texts count as given: that p also chose them has no part in the gradient.
    Shapes: logits, dlogits and batch.teacher_logits (B, T, K). L in nats.
    """
    teacher = batch.teacher_logits
    if teacher.shape != logits.shape:
        got = f"the student's logits are {logits.shape}, the teacher's {teacher.shape}"
        raise ValueError(f"reverse_kl: {got}; they need one vocabulary")
    w = shares(logits, batch)[..., None]  # (B, T, 1)
    logp, logp_teacher = log_softmax(logits), log_softmax(teacher.astype(logits.dtype))
    p = np.exp(logp)
    ratio = np.where(w != 0, logp - logp_teacher, 0)  # (B, T, K)
    kl = (p * ratio).sum(axis=-1, keepdims=True)  # (B, T, 1)
    return float((w * kl).sum()), w * p * (ratio - kl)
