"""BM25: its formula on numbers done by hand, the laws of its ranking, and what it refuses."""

import math
import pydoc_data.topics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lora_np.tasks.retrieval import Store

TERMS = st.lists(st.integers(0, 5), min_size=1, max_size=8)
STORES = st.lists(TERMS, min_size=2, max_size=6)


def test_the_formula_by_hand():
    """Two documents hold "cat" twice and once, of lengths 2 and 4, mean 3; one does not."""
    store = Store([["cat", "cat"], ["the", "cat", "sat", "down"], ["a", "dog", "ran"]])
    idf = math.log(1 + (3 - 2 + 0.5) / (2 + 0.5))
    first = idf * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 2 / 3))
    second = idf * 1 * 2.5 / (1 + 1.5 * (0.25 + 0.75 * 4 / 3))
    assert np.allclose(store.scores(["cat", "unheard-of"]), [first, second, 0], rtol=1e-14)


@given(documents=STORES, question=TERMS)
def test_scores_are_sums_over_terms_and_never_negative(documents, question):
    store = Store(documents)
    scores = store.scores(question)
    assert np.allclose(scores, sum(store.scores([term]) for term in question))
    for document, score in zip(documents, scores):
        assert (score > 0) == bool(set(document) & set(question)) and score >= 0


@given(documents=STORES, question=TERMS, seed=st.integers(0, 999))
def test_neither_the_order_of_words_nor_of_documents_matters(documents, question, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(documents))
    shuffled = [list(rng.permutation(documents[i])) for i in order]
    again = Store(shuffled).scores(rng.permutation(question))
    assert np.allclose(again, Store(documents).scores(question)[order], rtol=1e-12)


@given(documents=STORES, term=st.integers(0, 5))
def test_a_repeated_term_counts_more_but_each_time_less(documents, term):
    """Among documents of equal length, the score rises with the count and bends down."""
    padded = [document + [9] * (8 - len(document)) for document in documents]
    counted = [[term] * f + [8] * (8 - f) for f in range(4)]
    scores = Store(padded + counted).scores([term])[-4:]
    steps = np.diff(scores)
    assert (steps > 0).all() and (np.diff(steps) < 0).all()


@given(documents=STORES, question=TERMS)
def test_search_is_best_first_and_ties_keep_the_stores_order(documents, question):
    store = Store(documents)
    scores, found = store.scores(question), store.search(question, len(documents))
    assert sorted(found) == list(range(len(documents)))
    for one, two in zip(found, found[1:]):
        assert scores[one] > scores[two] or (scores[one] == scores[two] and one < two)
    assert np.array_equal(store.search(question, 2), found[:2])


def test_a_rarer_word_and_a_shorter_document_count_more():
    store = Store([["the", "cat"], ["the", "dog"], ["the", "hen", "is", "here"], ["the", "hen"]])
    assert store.search(["the", "dog"], 1)[0] == 1
    assert store.search(["hen"], 2).tolist() == [3, 2]


def test_finds_the_page_of_a_real_manual():
    """The language reference that comes with Python: questions find the page that answers them."""
    topics = pydoc_data.topics.topics
    names = list(topics)
    store = Store([text.lower().split() for text in topics.values()])
    for question, page in [
        ("raise exception except finally handler", "try"),
        ("lambda expression anonymous function", "lambda"),
        ("break terminates the nearest enclosing loop", "break"),
    ]:
        assert page in [names[i] for i in store.search(question.split(), 3)], question


def test_errors():
    with pytest.raises(ValueError, match="at least one document, got an empty store"):
        Store([])
    with pytest.raises(ValueError, match="document 1 is empty"):
        Store([["cat"], []])
    with pytest.raises(ValueError, match="expected k1 from 0, .* got -1"):
        Store([["cat"]], k1=-1, b=0.5)
    with pytest.raises(ValueError, match="expected a sequence of terms, got the string 'a cat'"):
        Store(["a cat"])
    store = Store([["cat"], ["dog"]])
    with pytest.raises(ValueError, match="from 1 to 2, the number of documents, got 3"):
        store.search(["cat"], 3)
    with pytest.raises(ValueError, match="the question has no terms"):
        store.search([], 1)
