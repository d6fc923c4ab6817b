"""Knowledge distillation: imitate a teacher's whole distribution, not only the right answer."""

from dataclasses import dataclass

import numpy as np

from ..nn.functional import log_softmax
from ..system.checks import check_real
from .cross_entropy import cross_entropy
from .log_probability import shares

LARGEST = 1e18  # with a temperature of that or its inverse τ² and logits/τ are numbers in float32


@dataclass(frozen=True)
class Distillation:
    """L = Σ w·[hard·CE(target) + (1 − hard)·τ²·KL(p_teacher ‖ p)] / Σ w.

    (Hinton et al. 2015, arXiv 1503.02531, §2.) p = softmax(z/τ) for the student's logits z,
    p_teacher = softmax(z_teacher/τ), and `hard` is the share of the hard labels. A temperature τ
    above 1 shows what the teacher thinks of the unlikely answers; its gradient shrinks as 1/τ²,
    which τ² makes up for:
        dlogits = w·[hard·(softmax(z) − onehot) + (1 − hard)·τ·(p − p_teacher)] / Σ w
    The hard labels are at temperature 1. KL and not cross-entropy, so L is 0 at hard = 0 where
    the student equals its teacher.
    Shapes: logits, dlogits and batch.teacher_logits (B, T, K). L in nats.
    """

    temperature: float = 2.0
    hard: float = 0.0

    def __post_init__(self):
        check_real("Distillation: expected a temperature", self.temperature)
        if not 1 / LARGEST <= self.temperature <= LARGEST:
            expected = f"a temperature from {1 / LARGEST:.0e} to {LARGEST:.0e}"
            raise ValueError(f"Distillation: expected {expected}, got {self.temperature!r}")
        check_real("Distillation: expected hard", self.hard, "from 0 to 1")

    def __call__(self, logits: np.ndarray, batch) -> tuple[float, np.ndarray]:
        teacher, tau, hard = batch.teacher_logits, float(self.temperature), float(self.hard)
        if teacher.shape != logits.shape:
            got = f"the student's logits are {logits.shape}, the teacher's {teacher.shape}"
            raise ValueError(f"Distillation: {got}; they need one vocabulary")
        w = (1 - hard) * shares(logits, batch)[..., None]  # (B, T, 1)
        logp_teacher = log_softmax(teacher.astype(logits.dtype) / tau)
        logp, p_teacher = log_softmax(logits / tau), np.exp(logp_teacher)
        loss = tau * tau * float((w * p_teacher * (logp_teacher - logp)).sum())
        dlogits = (w * tau) * (np.exp(logp) - p_teacher)  # of τ²: one τ is left after z/τ
        if hard:
            hard_loss, dhard = cross_entropy(logits, batch)
            loss += hard * hard_loss
            dlogits += hard * dhard
        return loss, dlogits


# L = Σ w·KL(p(· | context, x, y₋) ‖ p(· | x, y₋)) / Σ w,   dlogits = w·(p − p_with_context) / Σ w
# (Askell et al. 2021, arXiv 2112.00861, §2; Snell et al. 2022, arXiv 2209.15189.) Both are the same
# model's, so there is nothing to soften. What is new is the reading matter: `tasks.without_context`
# asks the model behind the context, and lines its logits up with the positions of the text alone.
context_distillation = Distillation(temperature=1.0)
