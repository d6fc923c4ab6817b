"""Few labels: a pattern that asks the model's own head, against a new head that knows nothing.

The base has read reviews, often with a verdict behind them, and was never told a label. Every way
sees the same few labelled reviews, half of them of each label, and is scored on others. The
patterns' models are also asked together, and PET distils them into one classifier by labels they
put on reviews that have none.

PET (Schick & Schütze 2021, §4, table 1) gains with every larger set of labels. Here the
pattern that is as good as can be before any training is not told apart from itself with four
labels; the others gain from four labels in every seed, and from four to a hundred no gain shows.
"""

import time

import numpy as np

from ..methods import FullFineTuning, HeadTuning, LoRA
from ..objectives import Distillation, VerbalizedCrossEntropy, cross_entropy
from ..plots import COLORS, DASHES, MARKERS, style, subplots
from ..tasks import reviews
from ..tasks.patterns import (
    Pattern,
    accuracy,
    ensemble,
    label_probabilities,
    soft_labels,
    verbalizer,
)  # fmt: skip
from .bases import REVIEWS
from .common import fit, paired

ASKS = ("all in all", "it was", "the film was")
SIZES = (4, 10, 32, 100)
FULL, LORA = FullFineTuning(), LoRA(rank=4, alpha=4.0, targets="all-linear")
HEAD = HeadTuning(len(reviews.VERDICTS))
# The ways, each with its rate: the best mean over 4 and 32 labels on eight seeds that are not
# shown, of 1e-4 to 1e-2 for all numbers, 1e-3 to 1e-2 for LoRA, 3e-2 to 3e-1 for a head alone.
PATTERN, PATTERN_LORA = "pattern, all numbers", "pattern, LoRA r 4"
TOGETHER, PET = "patterns together", "PET: distilled"
OURS = {PATTERN: ((FULL,), 1e-4), PATTERN_LORA: ((LORA,), 1e-3)}
HEADS = {
    "new head, all numbers": ((HEAD, FULL), 1e-3),
    "new head, LoRA r 4": ((LORA, HEAD), 3e-3),
    "new head alone": ((HEAD,), 3e-2),
}
RIVALS = (  # held against each other, seed by seed
    (PATTERN, "new head, all numbers"), (PATTERN_LORA, "new head, LoRA r 4"),
    (PATTERN, "new head alone"),
)  # fmt: skip
STUDENT_RATE, STUDENT_STEPS, TEMPERATURE, STEPS = 3e-3, 100, 2.0, 50


def run(seeds=5, quick=False, progress=None):
    """Every way from every number of labels, once a seed; rows of accuracies, (seeds, sizes).

    `quick` takes one seed, 4 and 10 labels, and smaller tests. `progress(text)` is told of each
    size that is done.
    Raises: ValueError for seeds below 1.
    """
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise ValueError(f"expected seeds from 1, a whole number, got {seeds!r}")
    seeds, sizes, tested = (1, SIZES[:2], 200) if quick else (seeds, SIZES, 1000)
    base, names = REVIEWS.load(), [*OURS, TOGETHER, PET, *HEADS]
    zero, rows, each, seconds = [], {name: [] for name in names}, [], []
    for seed in range(seeds):
        start = time.process_time()
        test = reviews.reviews(tested, np.random.default_rng([seed, 1]))
        unlabelled, _ = reviews.reviews(300, np.random.default_rng([seed, 2]))
        few_shot = FewShot(base, test, unlabelled)
        zero.append([accuracy(p, test_batch) for p, test_batch in few_shot.ask_base()])
        scores = []
        for size in sizes:
            scores.append(few_shot.score(size, np.random.default_rng([seed, 3, size])))
            if progress:
                progress(f"seed {seed}, {size} labels: {scores[-1][0]}")
        for name in names:
            rows[name].append([result[name] for result, _ in scores])
        each.append([separately for _, separately in scores])
        seconds.append(time.process_time() - start)
    return {
        "sizes": sizes, "seeds": seeds, "patterns": ASKS, "zero": zero, "rows": rows,
        "each_pattern": each, "cpu_seconds_a_seed": seconds,
    }  # fmt: skip


class FewShot:
    """One seed's test reviews and unlabelled reviews, and the ways to learn from a few more."""

    def __init__(self, base, test, unlabelled):
        self.base, self.test, self.unlabelled = base, test, unlabelled
        self.named = verbalizer(reviews.VERDICTS, reviews.encode)
        self.patterns = [Pattern(after=tuple(reviews.encode(ask))) for ask in ASKS]

    def batch(self, pattern, texts, labels):
        return pattern.batch(texts, labels, self.base.config.n_positions)

    def ask_base(self):
        """The base's own answers to each pattern, with nothing trained."""
        for pattern in self.patterns:
            test = self.batch(pattern, *self.test)
            yield label_probabilities(self.base, test, self.named), test

    def train(self, methods, batches, objective, lr, rng):
        model = self.base
        for method in methods:
            model = method.apply(model, rng)
        fit(model, batches, objective, lr)
        return model

    def score(self, size, rng):
        """{way: accuracy} from `size` labelled reviews, and each pattern's own accuracy."""
        texts, labels = balanced(size, rng)
        plain, result, separately = Pattern(), {}, []
        test, blank = self.batch(plain, *self.test), np.zeros(len(self.unlabelled), np.int64)
        pool = self.batch(plain, self.unlabelled, blank)
        for name, (methods, lr) in OURS.items():
            answers, opinions = [], []
            for pattern in self.patterns:
                few = [self.batch(pattern, texts, labels)] * STEPS
                objective = VerbalizedCrossEntropy(self.named)
                model = self.train(methods, few, objective, lr, rng)
                asked = self.batch(pattern, *self.test)
                answers.append(label_probabilities(model, asked, self.named))
                asked = self.batch(pattern, self.unlabelled, blank)
                opinions.append(label_probabilities(model, asked, self.named))
            right = [accuracy(p, test) for p in answers]
            result[name] = float(np.mean(right))  # of three models, not of one that knows them all
            if name == PATTERN:
                separately = right
                result[TOGETHER] = accuracy(ensemble(answers), test)
                taught = soft_labels(pool, ensemble(opinions))
        student = self.train(
            (HEAD, FULL), draws(taught, STUDENT_STEPS, rng), Distillation(TEMPERATURE),
            STUDENT_RATE, rng,
        )  # fmt: skip
        result[PET] = accuracy(label_probabilities(student, test), test)
        for name, (methods, lr) in HEADS.items():
            few = [self.batch(plain, texts, labels)] * STEPS
            model = self.train(methods, few, cross_entropy, lr, rng)
            result[name] = accuracy(label_probabilities(model, test), test)
        return result, separately


def balanced(size, rng):
    """`size` reviews, half of them of each label."""
    texts, labels = reviews.reviews(20 * size, rng)
    chosen = np.concatenate([np.flatnonzero(labels == label)[: size // 2] for label in (0, 1)])
    return texts[chosen], labels[chosen]


def draws(taught, steps, rng, size=32):
    """Batches of `size` rows drawn from one taught batch, a row perhaps more than once."""
    for _ in range(steps):
        at = rng.integers(len(taught), size=size)
        arrays = {name: getattr(taught, name)[at] for name in taught.arrays()}
        yield type(taught)(**arrays)


def table(numbers):
    """Accuracy, mean ± standard deviation over the seeds, a column for each number of labels."""
    zero, each = np.array(numbers["zero"]), np.array(numbers["each_pattern"])
    lines = ["  ".join([f"{'labels':26}", *(f"{size:>13}" for size in (0, *numbers["sizes"]))])]

    def line(name, *columns):
        cells = [f"{np.mean(c):.3f} ± {np.std(c):.3f}" if len(c) else "" for c in columns]
        lines.append("  ".join([f"{name:26}", *(f"{cell:>13}" for cell in cells)]).rstrip())

    for name, scores in numbers["rows"].items():
        line(name, zero.mean(axis=1) if name in OURS else (), *np.transpose(scores))
        if name == PATTERN:
            for k, ask in enumerate(numbers["patterns"]):
                line(f"  “{ask} …”", zero[:, k], *each[:, :, k].T)
    many = f"{numbers['seeds']} seed{'s' if numbers['seeds'] > 1 else ''}"
    lines.append(
        f"Share of reviews labelled right; {many}, mean ± standard deviation; the best possible is "
        f"{best_possible():.3f}.\nA pattern's row is the mean of {len(each[0, 0])} models, one for "
        f"each pattern. {max(numbers['cpu_seconds_a_seed']):.0f} s a seed at most."
    )
    return "\n".join([*lines, verdict(numbers)])


def verdict(numbers):
    """A pattern beside a new head, seed by seed, at each number of labels and in the mean."""
    lines = ["In pairs of one seed, by the number of labels and in the mean over them:"]
    for ours, theirs in RIVALS:
        one, two = (np.array(numbers["rows"][name]) for name in (ours, theirs))  # (seeds, sizes)
        lines.append(f"{ours}, less {theirs}:")
        for size, a, b in zip(numbers["sizes"], one.T, two.T):
            lines.append(f"  {size:4} labels: {paired(a, b, 3)}")
        lines.append(f"  mean over them: {paired(one.mean(axis=1), two.mean(axis=1), 3)}")
    return "\n".join(lines)


def best_possible():
    """The share that a majority of the three remarks labels right: 3a²(1 − a) + a³."""
    a = reviews.AGREES
    return 3 * a * a * (1 - a) + a * a * a


@style()
def figure(numbers):
    """Accuracy against the number of labels, a curve for each way; bars: standard deviation."""
    picture, axes = subplots(size=(6.4, 3.6))
    shown = [PATTERN, PET, "new head, all numbers", "new head alone"]
    sizes = np.array(numbers["sizes"])
    for k, name in enumerate(shown):
        scores = np.array(numbers["rows"][name])
        axes.errorbar(sizes * 1.05 ** (k - 1.5), scores.mean(axis=0), scores.std(axis=0),
                      color=COLORS[k], linestyle=DASHES[k], marker=MARKERS[k], capsize=3,
                      label=name)  # fmt: skip
    axes.axhline(best_possible(), color="black", linewidth=1, linestyle=(0, (2, 2)))
    axes.text(sizes[-1], best_possible() + 0.008, "the best possible", ha="right")
    axes.set_xscale("log")
    axes.set_xticks(sizes, sizes)
    axes.minorticks_off()
    axes.set(xlabel="labelled reviews", ylabel="labelled right", ylim=(0.48, 0.94))
    axes.legend(loc="lower right")
    return picture


def alt_text(numbers):
    """What the figure shows, in words, from its own numbers."""
    parts = []
    for name, scores in numbers["rows"].items():
        parts.append(f"{name} " + ", ".join(f"{m:.3f}" for m in np.mean(scores, axis=0)))
    sizes = ", ".join(map(str, numbers["sizes"]))
    return f"Share of reviews labelled right from {sizes} labels. {'; '.join(parts)}."
