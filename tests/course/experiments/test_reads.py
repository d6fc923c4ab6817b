"""The experiments on reading: bases that load and read, quick runs whose numbers are consistent."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lora_np.course.experiments import bases, patterns, raft, raft_world
from lora_np.course.experiments.bases import PLAIN_REVIEWS, READING, REVIEWS
from lora_np.course.experiments.few_shot import brier
from lora_np.tasks.worlds import reviews
from lora_np.tasks.worlds.raft import FIRST_VALUE, accuracy, lookups

HOMES = (3, 1, 4, 1, 5, 9)


@pytest.mark.every_kernel
def test_the_committed_base_reads():
    """From the documents it finds almost every answer; where nothing trains, nothing is written."""
    base = READING.load()
    assert accuracy(base, lookups(200, np.random.default_rng(5))) > 0.98
    assert not base.trainable_parameters()
    assert {p.dtype for p in base.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("base", [READING, REVIEWS, PLAIN_REVIEWS], ids=lambda base: base.name)
def test_a_base_is_trained_by_its_seed_and_survives_its_file(base, tmp_path, monkeypatch):
    """Same seed, same bytes; through float16 a weight keeps 11 bits."""
    short = replace(base, steps=2)
    one, two = short.train(seed=3), short.train(seed=3)
    for p, q in zip(one.parameters(), two.parameters()):
        assert p.data.tobytes() == q.data.tobytes()
    monkeypatch.setattr(bases, "DATA", tmp_path)
    base.save(one)
    for p, q in zip(one.parameters(), base.load().parameters()):
        assert np.array_equal(q.data, p.data.astype(np.float16).astype(np.float32))
    assert [path.name for path in tmp_path.iterdir()] == [base.path.name]


@pytest.fixture(scope="module")
def raft_numbers():
    return raft.run(1, quick=True)


@pytest.fixture(scope="module")
def patterns_numbers():
    return patterns.run(1, quick=True)


@pytest.mark.every_kernel
def test_rag_trains_nothing_and_finds_three_of_four(raft_numbers):
    """The four documents on an animal rank alike, and three are read; the base cannot do without"""
    assert raft_numbers["rag_bytes_unchanged"]
    assert abs(raft_numbers["recall"][0] - 0.75) < 5 * np.sqrt(0.75 * 0.25 / 200)
    base = READING.load()
    score, recall = raft.rag(base, raft.Homes(HOMES), np.random.default_rng(0), size=300)
    assert 0.6 < recall < 0.9 and score < recall


@pytest.mark.every_kernel
def test_near_distractors_make_the_base_misread():
    """Committed weights, nothing trained: far documents are read, near ones are mixed up."""
    base, rng = READING.load(), np.random.default_rng(0)
    near, far = (
        accuracy(base, raft.Questions(raft.Homes(HOMES), 1.0, near=near).batch(400, rng))
        for near in (True, False)
    )
    assert near < 0.7 < 0.85 < far


@pytest.mark.parametrize("near", [True, False])
@pytest.mark.parametrize("P", [0.0, 0.5, 1.0])
def test_questions_can_be_answered(P, near):
    """The golden document is there in a share P; without it only animals that never move are asked.

    Distractors differ, none answers, and they name the asked animal or do not.
    """
    world = raft.Homes(HOMES)
    batch = raft.Questions(world, P, near=near).batch(300, np.random.default_rng(1))
    keys, answers = batch.tokens[:, -1], batch.targets[:, -1]
    documents = batch.tokens[:, :-2].reshape(300, raft_world.DOCUMENTS, raft_world.FIELDS)
    golden = (documents[..., 0] == raft.ANIMALS) & (documents[..., 1] == keys[:, None])
    there = golden.any(axis=1)
    assert golden.sum(axis=1).max() <= 1 and abs(there.mean() - P) < 0.15
    assert (documents[golden][:, 2] == answers[there]).all()
    assert (keys[~there] < len(HOMES)).all()
    fixed = keys < len(HOMES)
    assert (answers[fixed] == FIRST_VALUE + np.take(HOMES, keys[fixed])).all()
    same = documents[..., 1] == keys[:, None]
    assert (same | golden).all() if near else not (same & ~golden).any()
    for row in documents:
        assert len({tuple(document[:2]) for document in row}) == len(row)


def test_a_changed_document_says_something_new():
    task = raft.Questions(raft.Homes(HOMES), 1.0, range(len(HOMES)), changed=True)
    batch = task.batch(200, np.random.default_rng(2))
    known = FIRST_VALUE + np.take(HOMES, batch.tokens[:, -1])
    assert not (batch.targets[:, -1] == known).any()


def test_validation_asks_only_what_somebody_could_answer():
    world, rng = raft.Homes(HOMES), np.random.default_rng(3)
    batch, found = raft_world.retrieved(world, range(raft.ANIMALS), 200, rng)
    kept = raft_world.answerable(batch, found)
    lost = ~found & (batch.tokens[:, -1] >= len(HOMES))
    assert len(kept) == 200 - lost.sum() and lost.any()


def test_seeds_pair_and_splits_differ():
    """All ways of a seed are scored on the same questions, which are none of the validation's."""
    one, two = raft.Examined(0, 50), raft.Examined(0, 50)
    for a, b in zip([*one.tests, one.validation], [*two.tests, two.validation]):
        assert np.array_equal(a.tokens, b.tokens)
    assert not np.array_equal(one.tests[-1].tokens[:20], one.validation.tokens[:20])


def turned_over(numbers, ours, theirs):
    """The same numbers with two ways' rows exchanged."""
    rows = dict(numbers["rows"])
    rows[ours], rows[theirs] = rows[theirs], rows[ours]
    return {**numbers, "rows": rows}


@pytest.mark.long
def test_verdicts_follow_the_numbers(raft_numbers, patterns_numbers):
    for experiment, numbers, pair in (
        (raft, raft_numbers, (raft.name_of(0.6), raft.DSF)),
        (patterns, patterns_numbers, patterns.RIVALS[2]),
    ):
        many = {**numbers, "rows": {name: three(s) for name, s in numbers["rows"].items()}}
        ours, theirs = experiment.verdict(many), experiment.verdict(turned_over(many, *pair))
        assert ours != theirs and "3 of 3" in ours


def three(scores):
    """One seed's row, three times."""
    return np.repeat(scores, 3, axis=0).tolist()


def test_each_way_has_the_same_budget(monkeypatch):
    """As many rates for each, on a seed that is not reported; then the same seeds for all."""
    cells = []

    def stub(cell):
        cells.append(cell)
        off = float(np.log(cell["lr"] / raft.RATE) ** 2)
        return {"validation": off, "scores": [0.5] * len(raft.COLUMNS), "trained": 1}

    monkeypatch.setattr(raft, "run_cell", stub)
    monkeypatch.setattr(raft, "Examined", lambda seed, size, small=raft.Examined: small(seed, 20))
    numbers = raft.run(2)
    for way in raft.WAYS:
        seeds = [cell["seed"] for cell in cells if cell["way"] == way]
        assert seeds == [100] * 6 + [0, 1]
        assert numbers["tuning"]["ways"][way]["inside"]


@pytest.mark.long
def test_rows_of_accuracies(patterns_numbers):
    rows = patterns_numbers["rows"]
    for scores in rows.values():
        assert np.shape(scores) == (1, 2) and 0 <= np.min(scores) <= np.max(scores) <= 1
    each = np.array(patterns_numbers["each_pattern"])  # (seeds, sizes, patterns)
    assert np.allclose(each.mean(axis=2), rows[patterns.PATTERN])
    assert np.shape(patterns_numbers["zero"]) == (1, len(patterns.ASKS))


@pytest.mark.every_kernel
def test_the_second_base_never_read_a_verdict():
    """No text of its pretraining holds a verdict's word, and its own answer says nothing."""
    tokens = reviews.without_verdicts(200, np.random.default_rng(0)).tokens
    assert not np.isin(tokens, reviews.encode("terrible great all in short it")).any()
    zero = [patterns.asked(patterns.WITHOUT, seed, 400, 1) for seed in range(2)]
    assert np.mean([patterns.asked(patterns.WITH, seed, 400, 1) for seed in range(2)]) > 0.7
    assert np.mean(zero) < 0.7


def test_few_labels_are_the_same_for_every_way_and_no_test_review():
    """A seed's labelled, validation and test reviews come from streams of their own."""
    one, two = (patterns.few_shot_of(base, 0, 100, 1) for base in patterns.BASES)
    assert np.array_equal(one.test[0], two.test[0]) and len(one.test[0]) == 150
    assert not np.array_equal(one.test[0][:50], one.test[0][50:100])


def test_balanced_reviews_have_half_of_each_label():
    texts, labels = patterns.balanced(10, np.random.default_rng(0))
    assert len(texts) == 10 and labels.sum() == 5


def test_brier_is_nought_for_the_sure_and_right_and_two_for_the_sure_and_wrong():
    sure = np.eye(2)[[0, 1, 1]]
    assert brier(sure, np.array([0, 1, 1])) == 0 and brier(sure, np.array([1, 0, 0])) == 2
    assert brier(np.full((3, 2), 0.5), np.array([0, 1, 1])) == 0.5


@pytest.mark.long
@pytest.mark.parametrize("name", ["raft", "patterns"])
def test_tables_and_figures_show_every_row(name, request):
    """From the JSON that a run leaves, too."""
    experiment = {"raft": raft, "patterns": patterns}[name]
    numbers = request.getfixturevalue(f"{name}_numbers")
    again = json.loads(json.dumps(numbers))
    text, alt = experiment.table(numbers), experiment.alt_text(numbers)
    assert experiment.table(again) == text and experiment.alt_text(again) == alt
    for row in numbers["rows"]:
        assert row in text and row in alt
    assert "1 seed," in text
    assert experiment.figure(again).axes


@pytest.mark.parametrize("experiment", [raft, patterns])
@pytest.mark.parametrize("seeds", [0, -1, True, 2.0])
def test_errors(experiment, seeds):
    with pytest.raises(ValueError, match="expected seeds from 1, a whole number, got"):
        experiment.run(seeds)
