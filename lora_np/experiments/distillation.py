"""Knowledge distillation: a small student from hard labels and from a teacher, on little text.

Each symbol depends on the two before it, by a table that is known, so the student is held against
the truth itself: KL(truth ‖ student) in nats a symbol, on new text. The teacher has read as much
text as it liked; the student sees a few texts, and either only those or also what the teacher
thinks of every next symbol in them.
"""

import time
from dataclasses import dataclass

import numpy as np

from ..nn import GPT, GPTConfig
from ..nn.functional import log_softmax
from ..objectives import Distillation, cross_entropy
from ..tasks import next_token, taught
from ..tasks.markov import MarkovSource
from .common import fit

SYMBOLS, ORDER, LENGTH = 8, 2, 16
TEACHER = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4)
STUDENT = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=16, n_layer=2, n_head=4)
HARD = "hard labels"
WAYS = {
    HARD: cross_entropy,
    "teacher, T = 1": Distillation(1.0),
    "teacher, T = 2": Distillation(2.0),
    "teacher, T = 4": Distillation(4.0),
    "T = 2, half hard": Distillation(2.0, hard=0.5),
}


@dataclass(frozen=True)
class Size:
    """How much of everything: the real run, and the quick one, which shows how it works."""

    teacher_steps: int = 1200
    student_steps: int = 400
    texts: tuple[int, ...] = (20, 100, 500)


QUICK = Size(300, 80, (20, 100))


def run(seeds=5, quick=False):
    """Every seed draws its own source and texts, and trains its own teacher and students."""
    size = QUICK if quick else Size()
    runs = [one_seed(seed, size) for seed in range(seeds)]
    return {"quick": quick, "texts": size.texts, "steps": size.student_steps, "runs": runs}


def one_seed(seed, size):
    start, rng = time.process_time(), np.random.default_rng(seed)
    source = MarkovSource(rng, SYMBOLS, ORDER, concentration=0.3)
    held_out = source.sample(200, LENGTH, rng)
    teacher = GPT(TEACHER, rng)
    new_text = (next_token(source.sample(64, LENGTH, rng)) for _ in range(size.teacher_steps))
    fit(teacher, new_text, cross_entropy, 3e-3)
    result = {"seed": seed, "teacher": gap(source, teacher, held_out), "students": {}}
    blank = GPT(STUDENT, rng)  # every student starts from the same numbers
    for n in size.texts:
        texts = source.sample(n, LENGTH, rng)
        lesson = taught(blank, teacher, next_token(texts))
        for name, objective in WAYS.items():
            student = blank.astype(np.float32)  # a copy
            history = fit(
                student, (some_of(lesson, rng) for _ in range(size.student_steps)), objective,
                5e-3, every=40, evaluate=lambda s=student: {"gap": gap(source, s, held_out)},
            )  # fmt: skip
            way = [check["gap"] for check in history.evaluations]
            found = {"end": way[-1], "best": min(way), "way": way}
            result["students"].setdefault(name, {})[str(n)] = found
    result["CPU seconds"] = round(time.process_time() - start, 1)
    return result


def some_of(batch, rng, size=32):
    """A batch of `size` of its rows, drawn anew; all of them where there are no more."""
    rows = rng.permutation(len(batch))[:size]
    fields = {name: getattr(batch, name)[rows] for name in batch.arrays()}
    return type(batch)(**fields)


def gap(source, model, texts):
    """KL(truth ‖ model) in nats a symbol, from the second symbol on, where the truth is known."""
    truth = source.after(texts)  # (B, T − 1, K)
    logp = log_softmax(model(texts))[:, ORDER - 1 :]
    logtruth = np.log(np.maximum(truth, 1e-300))
    return round(float((truth * (logtruth - logp)).sum(axis=-1).mean()), 5)
