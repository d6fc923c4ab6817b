"""Knowledge distillation: imitate a teacher's whole distribution, not only the right answer."""

from dataclasses import dataclass

import numpy as np

from ..nn.functional import log_softmax
from ..system.checks import check_real
from .cross_entropy import cross_entropy
from .log_probability import shares

LARGEST = 1e18  # with a temperature of that or its inverse T² and logits/T are numbers in float32


@dataclass(frozen=True)
class Distillation:
    """L = Σ w·[α·CE(target) + (1 − α)·T²·KL(q ‖ p)] / Σ w, q = softmax(teacher/T).

    (Hinton et al. 2015, arXiv 1503.02531, §2.) p = softmax(z/T) for the student's logits z, and α
    is `hard`, the share of the hard labels. A temperature T above 1 shows what the teacher
    thinks of the unlikely answers; its gradient shrinks as 1/T², which T² makes up for:
        dlogits = w·[α·(softmax(z) − onehot) + (1 − α)·T·(p − q)] / Σ w
    The hard labels are at temperature 1. KL and not cross-entropy, so L is 0 at α = 0 where the
    student equals its teacher.
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
        teacher, T, hard = batch.teacher_logits, float(self.temperature), float(self.hard)
        if teacher.shape != logits.shape:
            got = f"the student's logits are {logits.shape}, the teacher's {teacher.shape}"
            raise ValueError(f"Distillation: {got}; they need one vocabulary")
        w = (1 - hard) * shares(logits, batch)[..., None]  # (B, T, 1)
        logq, logp = log_softmax(teacher.astype(logits.dtype) / T), log_softmax(logits / T)
        q = np.exp(logq)
        loss = T * T * float((w * q * (logq - logp)).sum())
        dlogits = (w * T) * (np.exp(logp) - q)  # of T²: one T is left after z/T
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
