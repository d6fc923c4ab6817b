"""Ways to learn a classifier from a few labelled reviews, for the experiment on patterns."""

import numpy as np

from ...methods import FullFineTuning, HeadTuning, LoRA
from ...objectives import Distillation, VerbalizedCrossEntropy, cross_entropy
from ...tasks.patterns import Pattern, ensemble, label_probabilities, soft_labels, verbalizer
from ...tasks.worlds import reviews
from .common import fit, rows_of

ASKS = ("all in all", "it was", "the film was")
FULL, LORA = FullFineTuning(), LoRA(rank=4, alpha=4.0, targets="all-linear")
HEAD = HeadTuning(len(reviews.VERDICTS))
PATTERN, PATTERN_LORA = "pattern, all numbers", "pattern, LoRA r 4"
TOGETHER, PET = "patterns together", "PET: distilled"
OURS = {PATTERN: (FULL,), PATTERN_LORA: (LORA,)}
HEADS = {
    "new head, all numbers": (HEAD, FULL),
    "new head, LoRA r 4": (LORA, HEAD),
    "new head alone": (HEAD,),
}
RATES = {  # usual ones, from which tuning begins
    PATTERN: 2e-4,
    PATTERN_LORA: 3e-3,
    PET: 3e-3,
    "new head, all numbers": 1e-3,
    "new head, LoRA r 4": 3e-3,
    "new head alone": 3e-2,
}
STEPS, TEMPERATURE = 40, 2.0


class FewShot:
    """Reviews to label, reviews without a label, and the ways to learn from a few more."""

    def __init__(self, base, test, unlabelled, steps=STEPS):
        self.base, self.test, self.unlabelled, self.steps = base, test, unlabelled, steps
        self.named = verbalizer(reviews.VERDICTS, reviews.encode)
        self.patterns = [Pattern(after=tuple(reviews.encode(ask))) for ask in ASKS]

    def batch(self, pattern, texts, labels):
        return pattern.batch(texts, labels, self.base.config.n_positions)

    def asked(self, model, pattern, texts):
        """The model's probabilities of the labels, behind this pattern."""
        batch = self.batch(pattern, texts, np.zeros(len(texts), np.int64))
        return label_probabilities(model, batch, self.named)

    def ask_base(self):
        """The base's own probabilities for each pattern, with nothing trained."""
        return [self.asked(self.base, pattern, self.test[0]) for pattern in self.patterns]

    def train(self, methods, batches, objective, lr, rng):
        model = self.base
        for method in methods:
            model = method.apply(model, rng)
        fit(model, batches, objective, lr)
        return model

    def answers(self, way, lr, few, rng):
        """The probabilities for the test's reviews of each model that this way trains.

        `few` is (texts, labels). A pattern's way trains one model for each pattern.
        """
        if way in OURS:
            models = self.with_patterns(OURS[way], lr, few, rng)
            return [self.asked(model, p, self.test[0]) for model, p in zip(models, self.patterns)]
        test = self.batch(Pattern(), *self.test)
        if way == PET:
            return [label_probabilities(self.distilled(lr, few, rng), test)]
        batches = [self.batch(Pattern(), *few)] * self.steps
        return [label_probabilities(self.train(HEADS[way], batches, cross_entropy, lr, rng), test)]

    def with_patterns(self, methods, lr, few, rng):
        objective = VerbalizedCrossEntropy(self.named)
        for pattern in self.patterns:
            batches = [self.batch(pattern, *few)] * self.steps
            yield self.train(methods, batches, objective, lr, rng)

    def distilled(self, lr, few, rng):
        """PET §3.3: the patterns' models label what has no label, and one classifier learns that.

        They train at their usual rate; the one that is tuned is the classifier's. Left out is the
        language-model loss on the unlabelled texts, which PET trains beside theirs (§3.2).
        """
        models = self.with_patterns(OURS[PATTERN], RATES[PATTERN], few, rng)
        opinions = [self.asked(m, p, self.unlabelled) for m, p in zip(models, self.patterns)]
        blank = np.zeros(len(self.unlabelled), np.int64)
        taught = soft_labels(self.batch(Pattern(), self.unlabelled, blank), ensemble(opinions))
        lessons, softly = draws(taught, 2 * self.steps, rng), Distillation(TEMPERATURE)
        return self.train((HEAD, FULL), lessons, softly, lr, rng)

    def score(self, size, rng):
        """{way: accuracy} from `size` labelled reviews at the usual rates, and each pattern's."""
        few, result, separately = balanced(size, rng), {}, []
        for way, lr in RATES.items():
            answers = self.answers(way, lr, few, rng)
            each = [right(p, self.test[1]) for p in answers]
            result[way] = float(np.mean(each))  # of three models, not of one that knows them all
            if way == PATTERN:
                separately = each
                result[TOGETHER] = right(ensemble(answers), self.test[1])
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


def right(probabilities, labels):
    """The share whose likeliest label is the right one."""
    return float((probabilities.argmax(axis=1) == labels).mean())


def brier(probabilities, labels):
    """Mean Σ(p − onehot)², 0 to 2: proper, and a sure mistake does not outweigh all others."""
    off = probabilities - np.eye(probabilities.shape[1])[labels]
    return float((off**2).sum(axis=1).mean())
