"""Knowledge distillation: a small student from hard labels and from a teacher, on little text.

Each symbol depends on the two before it, by a table that is known, so the student is held against
the truth itself: KL(truth ‖ student) in nats a symbol, on new text. The teacher has read as much
text as it liked; the student sees a few texts, and either only those or also what the teacher
thinks of every next symbol in them.
"""

from dataclasses import dataclass

import numpy as np

from ...analysis.plots import COLORS, DASHES, MARKERS, style, subplots
from ...nn import GPT, GPTConfig
from ...nn.functional import log_softmax
from ...objectives import Distillation, cross_entropy
from ...tasks import next_token, taught
from ...tasks.worlds.markov import MarkovSource
from .common import caveat, fit, means_in_words, over_seeds, paired, rows_of, spread, text_table

SYMBOLS, ORDER, LENGTH = 8, 2, 16
TEACHER = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=32, n_layer=2, n_head=4)
STUDENT = GPTConfig(SYMBOLS, n_positions=LENGTH, n_embd=16, n_layer=2, n_head=4)
HARD = "hard labels"
TICKS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5)
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


QUICK = Size(200, 60, (20, 100))


def run(seeds=5, quick=False):
    """Every seed draws its own source and texts, and trains its own teacher and students."""
    size = QUICK if quick else Size()
    runs, seconds = over_seeds(lambda seed: one_seed(seed, size), seeds)
    runs = [{**run, "CPU seconds": round(took, 1)} for run, took in zip(runs, seconds)]
    return {"quick": quick, "texts": size.texts, "steps": size.student_steps, "runs": runs}


def one_seed(seed, size):
    rng = np.random.default_rng(seed)
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
                student,
                (some_of(lesson, rng) for _ in range(size.student_steps)),
                objective,
                5e-3,
                every=max(1, size.student_steps // 10),
                evaluate=lambda s=student: {"gap": gap(source, s, held_out)},
            )
            way = [check["gap"] for check in history.evaluations]
            found = {"end": way[-1], "best": min(way), "way": way}
            result["students"].setdefault(name, {})[str(n)] = found
    return result


def some_of(batch, rng, size=32):
    """A batch of `size` of its rows, drawn anew; all of them where there are no more."""
    return rows_of(batch, rng.permutation(len(batch))[:size])


def gap(source, model, texts):
    """KL(truth ‖ model) in nats a symbol, from the second symbol on, where the truth is known."""
    truth = source.after(texts)  # (B, T − 1, K)
    logp = log_softmax(model(texts))[:, ORDER - 1 :]
    logtruth = np.log(np.maximum(truth, 1e-300))
    return round(float((truth * (logtruth - logp)).sum(axis=-1).mean()), 5)


def gaps(numbers, way, n, column="end"):
    """One a seed."""
    return np.array([run["students"][way][str(n)][column] for run in numbers["runs"]])


def table(numbers):
    """KL(truth ‖ student) by way of teaching and number of texts, mean ± standard deviation."""
    texts, runs = numbers["texts"], numbers["runs"]
    rows = []
    for way in WAYS:
        best = [gaps(numbers, way, n, "best").mean() for n in texts]
        rows.append(
            [way, *(f"{spread(gaps(numbers, way, n))} ({b:.2f})" for n, b in zip(texts, best))]
        )
    lines = text_table(["learnt from", *(f"{n} texts" for n in texts)], rows, (18, 22))
    teacher = spread([run["teacher"] for run in runs], 3)
    seconds = max(run["CPU seconds"] for run in runs)
    lines.append(
        f"KL(truth || student) in nats a symbol after {numbers['steps']} steps, mean ± standard "
        f"deviation; seeds: {len(runs)};\n{seconds:.0f} s of one processor a seed at most. In "
        "brackets: stopped at its best, chosen on the very texts\nit is measured on. The teacher: "
        f"{teacher}.\n{verdict(numbers)}{caveat(numbers)}"
    )
    return "\n".join(lines)


def verdict(numbers):
    """What the paper found, held against these numbers, seed by seed."""

    def pairs(ours, theirs):
        both = [[gaps(numbers, way, n) for way in (ours, theirs)] for n in numbers["texts"]]
        return ";\n".join(f"  {n} texts: {paired(*g)}" for n, g in zip(numbers["texts"], both))

    return (
        "Hinton et al. (2015) find a temperature above 1 best, and hard labels, at a low weight, a "
        "help.\nHere the gap at T = 2 less the one at T = 1 is\n"
        f"{pairs('teacher, T = 2', 'teacher, T = 1')}.\n"
        "With half hard labels, at T = 2, less the one without:\n"
        f"{pairs('T = 2, half hard', 'teacher, T = 2')}."
    )


@style()
def figure(numbers):
    """The gap to the truth against the number of texts, both on logarithmic axes."""
    texts = numbers["texts"]
    picture, axes = subplots(size=(6, 4.4))
    for k, way in enumerate(WAYS):
        found = np.array([gaps(numbers, way, n) for n in texts])  # (texts, seeds)
        middle, low, high = found.mean(axis=1), found.min(axis=1), found.max(axis=1)
        bars, shape = (middle - low, high - middle), {"marker": MARKERS[k], "linestyle": DASHES[k]}
        axes.errorbar(texts, middle, bars, **shape, capsize=2, label=way)
    best = [gaps(numbers, HARD, n, "best").mean() for n in texts]
    shape = {"color": COLORS[0], "linestyle": ":", "marker": "o", "fillstyle": "none"}
    axes.plot(texts, best, **shape, label=f"{HARD}, stopped at its best")
    teacher = np.mean([run["teacher"] for run in numbers["runs"]])
    axes.axhline(teacher, color="black", linewidth=1, linestyle=(0, (2, 2)))
    axes.text(texts[-1], teacher * 1.06, "the teacher", ha="right")
    axes.set(
        xscale="log",
        yscale="log",
        xlabel="texts the student reads",
        ylabel="KL(truth ‖ student), nats a symbol",
    )
    axes.set_xticks(texts, [f"{n}" for n in texts])
    axes.set_yticks(TICKS, [f"{tick:g}" for tick in TICKS])
    axes.minorticks_off()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=9)
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    texts = numbers["texts"]
    rows = {way: np.transpose([gaps(numbers, way, n) for n in texts]) for way in WAYS}
    words = means_in_words(rows, 3)
    return f"Gap to the truth with {', '.join(map(str, texts))} texts. {words}."
