"""Documents for questions: where the golden one stands and how often, and what each text asks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tasks.worlds.raft import (
    ASK,
    FIRST_VALUE,
    KEYS,
    STOP,
    VALUES,
    Raft,
    World,
    choose_documents,
    lookups,
    reading,
    words,
)

SEEDS = st.integers(0, 2**32 - 1)
WORLD = World((3, 1, 4, 1, 5, 9))


def parts(row):
    """One text as its {key: value} of documents, and the key it asks about."""
    documents, question = row[:-2].reshape(-1, 3), row[-2:]
    assert (documents[:, 2] == STOP).all() and question[0] == ASK
    return {key: value - FIRST_VALUE for key, value, _ in documents.tolist()}, question[1]


@given(n=st.integers(1, 5), others=st.integers(5, 8), seed=SEEDS)
def test_golden_documents_among_distractors(n, others, seed):
    """n different documents: with P = 1 the golden one is there once, with P = 0 it is not."""
    distractors = [[i] for i in range(others)]
    for P in (0.0, 1.0):
        rng = np.random.default_rng(seed)
        chosen = [d[0] for d in choose_documents([99], distractors, n, P, rng)]
        assert len(set(chosen)) == n and chosen.count(99) == P


def test_the_golden_document_is_there_as_often_as_p_and_anywhere():
    """Of 6,000 draws, 0.6 hold it, and each place as often as another, within 5 deviations."""
    rng, draws, P, n = np.random.default_rng(0), 6000, 0.6, 4
    places = np.zeros(n + 1)
    for _ in range(draws):
        chosen = choose_documents("golden", list("abcdefg"), n, P, rng)
        places[chosen.index("golden") if "golden" in chosen else n] += 1
    for got, p in zip(places / draws, [P / n] * n + [1 - P]):
        assert abs(got - p) < 5 * np.sqrt(p * (1 - p) / draws)


@given(seed=SEEDS, P=st.sampled_from([0.0, 1.0]), changed=st.booleans())
def test_a_text_of_raft(seed, P, changed):
    """The answer is the golden document's value if it is there, the fixed one unless changed."""
    task = Raft(WORLD, P, range(len(WORLD.fixed)), changed=changed)
    batch = task.batch(8, np.random.default_rng(seed))
    assert batch.tokens.shape == (8, 11)
    assert np.array_equal(batch.weights, np.eye(11)[[10] * 8])
    for row, target in zip(batch.tokens, batch.targets[:, -1] - FIRST_VALUE):
        documents, asked = parts(row)
        assert len(documents) == 3
        assert (target == WORLD.fixed[asked]) != changed
        assert documents.get(asked) == (target if P else None)
        for key, value in documents.items():
            if key < len(WORLD.fixed) and key != asked:
                assert value == WORLD.fixed[key]


@given(seed=SEEDS)
def test_lookups_can_all_be_answered_by_reading(seed):
    batch = lookups(4, np.random.default_rng(seed), n_documents=3, n_questions=2)
    assert batch.total == 8
    for tokens, targets, weights in zip(batch.tokens, batch.targets, batch.weights):
        documents, _ = parts(tokens[:11])
        for at in np.flatnonzero(weights):
            assert tokens[at - 1] == ASK
            assert documents[tokens[at]] == targets[at] - FIRST_VALUE


def test_animals_that_move_live_everywhere():
    rng = np.random.default_rng(0)
    lived = np.array([[d[1] for d in WORLD.documents(rng)] for _ in range(400)]) - FIRST_VALUE
    assert (lived[:, :6] == WORLD.fixed).all()
    assert all(len(set(column)) == VALUES for column in lived[:, 6:].T)


def test_a_text_as_words():
    rng = np.random.default_rng(0)
    text = words(Raft(WORLD, 1.0, range(1)).batch(1, rng).tokens[0])
    assert "fox cairo ." in text and text.endswith("? fox")


def test_errors():
    for P in (-0.1, 1.5, float("nan")):
        with pytest.raises(ValueError, match="expected P.* from 0 to 1, got"):
            Raft(WORLD, P)
        with pytest.raises(ValueError, match="expected P.* from 0 to 1, got"):
            choose_documents([1], [[2], [3]], 1, P, np.random.default_rng(0))
    with pytest.raises(ValueError, match="expected n from 1 to 2, the distractors, got 3"):
        choose_documents([1], [[2], [3]], 3, 1.0, np.random.default_rng(0))
    with pytest.raises(
        ValueError, match="document 1 has 5 tokens and the question 2: .* 10 .* the context's 9"
    ):
        reading([[1, 2, 3], [1, 2, 3, 4, 5]], [1, 2], 9)
    with pytest.raises(ValueError, match="32 tokens are more than the context's 31"):
        Raft(WORLD, 0.5, n_documents=10, n_positions=31)
    with pytest.raises(ValueError, match="expected 1 to 15 documents, got 16"):
        Raft(WORLD, 0.5, n_documents=KEYS)
    with pytest.raises(ValueError, match="expected keys from 0 to 15, got range"):
        Raft(WORLD, 0.5, range(KEYS + 1))
    with pytest.raises(ValueError, match="expected 1 to 16 values from 0 to 9, got"):
        World((10,))
