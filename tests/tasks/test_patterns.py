"""Patterns put the slot last, verbalizers name labels, ensembles average; what each refuses."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.models import small_gpt
from lora_np.objectives import Distillation, VerbalizedCrossEntropy, cross_entropy
from lora_np.tasks.patterns import (
    Pattern,
    accuracy,
    ensemble,
    label_probabilities,
    soft_labels,
    verbalizer,
)
from lora_np.tasks.worlds import reviews

SEEDS = st.integers(0, 2**32 - 1)
SOME = st.lists(st.integers(0, 6), max_size=2)
TEXTS = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=4), min_size=2, max_size=5)


@given(before=SOME, after=SOME, texts=TEXTS)
def test_the_slot_is_behind_the_last_token(before, after, texts):
    """Each row is before + text + after, then padding; the only target is at its last token."""
    labels = np.arange(len(texts)) % 2
    batch = Pattern(tuple(before), tuple(after)).batch(texts, labels, 8)
    for row, weights, targets, text, label in zip(
        batch.tokens, batch.weights, batch.targets, texts, labels
    ):
        expected = [*before, *text, *after]
        assert row[: len(expected)].tolist() == expected and not row[len(expected) :].any()
        assert np.flatnonzero(weights).tolist() == [len(expected) - 1]
        assert targets[len(expected) - 1] == label


@given(texts=TEXTS, after=SOME, seed=SEEDS)
def test_what_other_rows_pad_does_not_matter(texts, after, seed):
    """Probabilities sum to 1, and each text's are what it gets alone."""
    model, pattern, named = small_gpt(seed=seed), Pattern(after=tuple(after)), (5, 2)
    batch = pattern.batch(texts, np.zeros(len(texts), int), 8)
    together = label_probabilities(model, batch, named)
    assert np.allclose(together.sum(axis=1), 1)
    for text, p in zip(texts, together):
        alone = pattern.batch([text], [0], 8)
        assert np.allclose(label_probabilities(model, alone, named)[0], p, atol=1e-12)
        logits = model(np.array([[*text, *after]]))[0, -1]
        assert np.isclose(np.log(p[0] / p[1]), logits[5] - logits[2])


@given(texts=TEXTS, seed=SEEDS)
def test_the_objective_is_the_labels_mean_surprise(texts, seed):
    labels = np.random.default_rng(seed).integers(2, size=len(texts))
    model, batch = small_gpt(seed=seed), Pattern().batch(texts, labels, 8)
    p = label_probabilities(model, batch, (5, 2))
    loss, _ = VerbalizedCrossEntropy((5, 2))(model(batch.tokens), batch)
    assert np.isclose(loss, -np.log(p[np.arange(len(texts)), labels]).mean())
    assert accuracy(p, batch) == np.mean(p.argmax(axis=1) == labels)


@given(texts=TEXTS, seed=SEEDS)
def test_a_student_that_agrees_with_the_ensemble_has_nothing_to_learn(texts, seed):
    """At any temperature: its logits at the slots are the ensemble's, up to a constant."""
    rng = np.random.default_rng(seed)
    opinions = rng.dirichlet([1, 1], (3, len(texts)))  # three patterns
    mean = ensemble(opinions)
    assert np.allclose(mean, opinions.sum(axis=0) / 3) and np.allclose(mean.sum(axis=1), 1)
    batch = soft_labels(Pattern().batch(texts, np.zeros(len(texts), int), 8), mean)
    agrees = batch.teacher_logits + rng.standard_normal((*batch.tokens.shape, 1))
    loss, dlogits = Distillation(2.0)(agrees, batch)
    assert abs(loss) < 1e-12 and np.abs(dlogits).max() < 1e-12
    other = agrees + [1.0, 0.0]
    assert Distillation(2.0)(other, batch)[0] > 0


def test_a_certain_ensemble_stays_finite():
    batch = Pattern().batch([[1, 2]], [0], 8)
    taught = soft_labels(batch, np.array([[1.0, 0.0]], np.float32))
    assert np.isfinite(taught.teacher_logits).all() and taught.teacher_logits.dtype == np.float32


def test_reviews():
    """Words come back; remarks agree with labels as often as they should; verdicts are polite."""
    texts, labels = reviews.reviews(4000, np.random.default_rng(0))
    things = np.sort(texts[:, 1::5], axis=1)  # "the … was … ." three times
    assert things.shape == (4000, 3) and (things[:, 1:] > things[:, :-1]).all(), "of three things"
    assert texts.shape == (4000, 15) and 0.45 < labels.mean() < 0.55
    assert reviews.encode(reviews.decode(texts[0])) == texts[0].tolist()
    praised = np.isin(texts[:, 3::5], reviews.encode(" ".join(reviews.PRAISE)))
    agree = praised == (labels == 1)[:, None]
    assert abs(agree.mean() - reviews.AGREES) < 0.02
    best = (praised.sum(axis=1) >= 2) == (labels == 1)
    assert abs(best.mean() - 0.896) < 0.02
    batch = reviews.with_verdicts(4000, np.random.default_rng(0))
    terrible, great = (
        (batch.targets == token) & (batch.weights > 0) for token in reviews.encode("terrible great")
    )
    assert abs((terrible | great).sum() / 4000 - 0.75) < 0.05
    assert abs(great.sum() / (great.sum() + terrible.sum()) - np.mean(reviews.PLAIN)) < 0.05


def test_errors():
    with pytest.raises(ValueError, match="with one token, but 'awfully good' is 2 tokens"):
        verbalizer(["great", "awfully good"], lambda text: [len(word) for word in text.split()])
    with pytest.raises(ValueError, match="one token, but 'great' is 5 tokens, .*103, 114"):
        verbalizer(["great"], str.encode)
    with pytest.raises(ValueError, match="one token, but '' is 0 tokens"):
        verbalizer(["", "great"], reviews.encode)
    with pytest.raises(ValueError, match="a different word for each of 2 or more labels"):
        verbalizer(["great", "great"], reviews.encode)
    with pytest.raises(ValueError, match="a different word for each of 2 or more labels"):
        verbalizer(["great"], reviews.encode)
    with pytest.raises(ValueError, match="expected words of the reviews' 34, got 'good'"):
        reviews.encode("all in all good")
    pattern = Pattern(after=(1, 2))
    with pytest.raises(ValueError, match="text 1 has 7 tokens and its pattern 2: .* context's 8"):
        pattern.batch([[1], [1] * 7], [0, 1], 8)
    with pytest.raises(ValueError, match="text 0 has 0 tokens"):
        pattern.batch([[], [1]], [0, 1], 8)
    with pytest.raises(ValueError, match="needs at least one text"):
        pattern.batch([], [], 8)
    batch = pattern.batch([[1], [2]], [0, 2], 8)
    for tokens in [(3,), (3, 3)]:
        with pytest.raises(ValueError, match="2 or more different verbalizer tokens"):
            VerbalizedCrossEntropy(tokens)
    logits = small_gpt()(batch.tokens)
    with pytest.raises(ValueError, match=r"verbalizer tokens from 0 to 6, got \(3, 7\)"):
        VerbalizedCrossEntropy((3, 7))(logits, batch)
    with pytest.raises(ValueError, match="expected targets from 0 to 1, got 0 to 2"):
        VerbalizedCrossEntropy((3, 5))(logits, batch)
    cross_entropy(logits, batch)  # where the same targets would be tokens
