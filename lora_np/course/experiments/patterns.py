"""Few labels: a pattern that asks the model's own head, against a new head that knows nothing.

The base has read reviews, often with a verdict behind them, and was never told a label. Every way
sees the same few labelled reviews, half of them of each label, and is scored on others. The
patterns' models are also asked together, and PET distils them into one classifier by labels they
put on reviews that have none.

PET (Schick & Schütze 2021, §4, table 1) gains with every larger set of labels. Here the
pattern that is as good as can be before any training is not told apart from itself with four
labels; the others gain from four labels in every seed, and from four to a hundred no gain shows.
"""

import numpy as np

from ...analysis.plots import style, subplots
from ...methods import FullFineTuning, HeadTuning, LoRA
from ...objectives import Distillation, VerbalizedCrossEntropy, cross_entropy
from ...tasks.patterns import (
    Pattern,
    accuracy,
    ensemble,
    label_probabilities,
    soft_labels,
    verbalizer,
)
from ...tasks.worlds import reviews
from .bases import REVIEWS
from .common import (
    by_row,
    fit,
    look,
    means_in_words,
    over_seeds,
    paired,
    rows_of,
    seed_count,
    spread,
    text_table,
)

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
    (PATTERN, "new head, all numbers"),
    (PATTERN_LORA, "new head, LoRA r 4"),
    (PATTERN, "new head alone"),
)
STUDENT_RATE, STUDENT_STEPS, TEMPERATURE, STEPS = 3e-3, 100, 2.0, 50


def run(seeds=5, quick=False, progress=None):
    """Every way from every number of labels, once a seed; rows of accuracies, (seeds, sizes).

    `quick` takes one seed, 4 and 10 labels, and smaller tests. `progress(text)` is told of each
    size that is done.
    Raises: ValueError for seeds below 1.
    """
    seeds, sizes, tested = (1, SIZES[:2], 200) if quick else (seeds, SIZES, 1000)
    base, tell = REVIEWS.load(), progress or (lambda text: None)

    def one_seed(seed):
        test = reviews.reviews(tested, np.random.default_rng([seed, 1]))
        unlabelled, _ = reviews.reviews(300, np.random.default_rng([seed, 2]))
        few_shot, scores = FewShot(base, test, unlabelled), []
        zero = [accuracy(p, test_batch) for p, test_batch in few_shot.ask_base()]
        for size in sizes:
            scores.append(few_shot.score(size, np.random.default_rng([seed, 3, size])))
            tell(f"seed {seed}, {size} labels: {scores[-1][0]}")
        rows, each = zip(*scores)
        return zero, by_row(rows), [*each]

    runs, seconds = over_seeds(one_seed, seeds)
    zero, rows, each = map(list, zip(*runs))
    return {
        "sizes": sizes, "seeds": seeds, "patterns": ASKS, "zero": zero,
        "rows": {name: by_row(rows)[name] for name in [*OURS, TOGETHER, PET, *HEADS]},
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
        objective = VerbalizedCrossEntropy(self.named)
        for name, (methods, lr) in OURS.items():
            answers, opinions = [], []
            for pattern in self.patterns:
                few = [self.batch(pattern, texts, labels)] * STEPS
                model = self.train(methods, few, objective, lr, rng)
                for asked, said in ((self.test, answers), ((self.unlabelled, blank), opinions)):
                    asked = self.batch(pattern, *asked)
                    said.append(label_probabilities(model, asked, self.named))
            right = [accuracy(p, test) for p in answers]
            result[name] = float(np.mean(right))  # of three models, not of one that knows them all
            if name == PATTERN:
                separately = right
                result[TOGETHER] = accuracy(ensemble(answers), test)
                taught = soft_labels(pool, ensemble(opinions))
        lessons, softly = draws(taught, STUDENT_STEPS, rng), Distillation(TEMPERATURE)
        student = self.train((HEAD, FULL), lessons, softly, STUDENT_RATE, rng)
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
        yield rows_of(taught, rng.integers(len(taught), size=size))


def table(numbers):
    """Accuracy, mean ± standard deviation over the seeds, a column for each number of labels."""
    zero, each = np.array(numbers["zero"]), np.array(numbers["each_pattern"])
    rows = []
    for name, scores in numbers["rows"].items():
        asked = spread(zero.mean(axis=1), 3) if name in OURS else ""
        rows.append([name, asked, *(spread(column, 3) for column in np.transpose(scores))])
        if name == PATTERN:
            for k, ask in enumerate(numbers["patterns"]):
                columns = (zero[:, k], *each[:, :, k].T)
                rows.append([f"  “{ask} …”", *(spread(column, 3) for column in columns)])
    lines = text_table(("labels", 0, *numbers["sizes"]), rows, (26, 15))
    lines.append(
        f"Share of reviews labelled right; {seed_count(numbers)}, mean ± standard deviation; the "
        f"best possible is {best_possible():.3f}.\n"
        f"A pattern's row is the mean of {len(each[0, 0])} models, one for each pattern. "
        f"{max(numbers['cpu_seconds_a_seed']):.0f} s a seed at most."
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
        scores, x = np.array(numbers["rows"][name]), sizes * 1.05 ** (k - 1.5)
        middle, bars = scores.mean(axis=0), scores.std(axis=0)
        axes.errorbar(x, middle, bars, **look(k), capsize=3, label=name)
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
    sizes, words = ", ".join(map(str, numbers["sizes"])), means_in_words(numbers["rows"], 3)
    return f"Share of reviews labelled right from {sizes} labels. {words}."
