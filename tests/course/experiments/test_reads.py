"""The experiments on reading: bases that load and read, quick runs whose numbers are consistent."""

import json
from dataclasses import replace

import numpy as np
import pytest

from lora_np.course.experiments import bases, patterns, raft
from lora_np.course.experiments.bases import READING, REVIEWS
from lora_np.tasks import World
from lora_np.tasks.worlds.raft import accuracy, lookups


def test_the_committed_base_reads():
    """From the documents it finds almost every answer; where nothing trains, nothing is written."""
    base = READING.load()
    assert accuracy(base, lookups(200, np.random.default_rng(5))) > 0.98
    assert not base.trainable_parameters()
    assert {p.dtype for p in base.parameters()} == {np.dtype(np.float32)}


@pytest.mark.parametrize("base", [READING, REVIEWS], ids=lambda base: base.name)
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


def test_rag_trains_nothing_and_finds_the_document(raft_numbers):
    """The retriever finds every golden document; the base reads them, and cannot do without."""
    assert raft_numbers["rag_bytes_unchanged"] and raft_numbers["recall"] == [1.0]
    golden, without, moving, changed = raft_numbers["rows"]["RAG"][0]
    assert min(golden, moving, changed) > 0.95 and without < 0.4


def test_a_world_learnt_by_heart_is_recited_and_one_always_read_is_not(raft_numbers):
    never, always = (raft_numbers["rows"][raft.name_of(P)][0] for P in (0.0, 1.0))
    assert never[1] > always[1] + 0.1, "distractors only"  # 0.27 to 0.48 apart over five seeds
    assert never[3] < 0.5 < always[3], "golden changed"


def test_rag_without_the_document_has_only_distractors():
    """It then answers as the base does from distractors: within what 700 draws allow."""
    base, world = READING.load(), World((3, 1, 4, 1, 5, 9))
    scores, _ = raft.rag(base, world, np.random.default_rng(0), size=200)
    drawn = accuracy(base, raft.scored_on(world)[1].batch(500, np.random.default_rng(1)))
    assert abs(scores[1] - drawn) < 5 * np.sqrt(0.25 / 200 + 0.25 / 500)


def test_rows_of_accuracies(patterns_numbers):
    rows = patterns_numbers["rows"]
    for scores in rows.values():
        assert np.shape(scores) == (1, 2) and 0 <= np.min(scores) <= np.max(scores) <= 1
    each = np.array(patterns_numbers["each_pattern"])  # (seeds, sizes, patterns)
    assert np.allclose(each.mean(axis=2), rows[patterns.PATTERN])
    assert np.shape(patterns_numbers["zero"]) == (1, len(patterns.ASKS))


def test_balanced_reviews_have_half_of_each_label():
    texts, labels = patterns.balanced(10, np.random.default_rng(0))
    assert len(texts) == 10 and labels.sum() == 5


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
