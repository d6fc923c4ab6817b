"""Lesson 11: what it reads."""

import numpy as np
from hypothesis import strategies as st

from ...gradcheck import numerical_gradient
from ...tasks.retrieval import Store
from .exercise import Exercise
from .inputs import Broken, expect, parts, same, tenths

BM25 = Exercise("11.1", "BM25", "implement", answer="scores", points=4)
WORDS = ["and", "the", "cat", "dog", "owl"]


@st.composite
def libraries(draw):
    """{documents, question}: a few documents of words, the first words far more frequent."""
    seed, n = draw(st.integers(0, 99), label="seed"), draw(st.integers(2, 4), label="N")
    rng = np.random.default_rng(seed)
    lengths = rng.integers(2, 9, n)
    often = np.array([8, 5, 2, 1, 1]) / 17
    documents = [[str(w) for w in rng.choice(WORDS, size, p=often)] for size in lengths]
    return {"documents": documents, "question": [str(w) for w in rng.choice(WORDS, 2)]}


def scored(scores, documents, question):
    got = np.asarray(scores(documents, question), dtype=float)
    same("the shape of the scores", np.zeros(got.shape), np.zeros(len(documents)))
    return got


@BM25.law("a document without any of the question's words scores 0")
def strangers_score_nothing(scores):
    """Each of the question's words adds its share, from the documents that hold it."""
    got = scored(scores, [["cat"], ["dog", "owl"], ["dog"]], ["cat"])
    expect(
        got[1] == 0 and got[0] > 0, f"for the question “cat”: “cat” and “dog owl” score {got[:2]}"
    )


@BM25.law("a rare word counts for more than a frequent one, and none counts against")
def rare_words_count_more(scores):
    """idf = log(1 + (N - n + ½)/(n + ½)): the 1 keeps it above 0, for any word."""
    library = [["the", "cat"], ["the", "owl"], ["the", "owl"]]
    rare, common = (scored(scores, library, [word]) for word in ("cat", "the"))
    expect(
        rare[0] > common[0],
        f"“cat” (in one of three) scores {rare[0]:.3f}, “the” (in all) {common[0]:.3f}",
    )
    expect(common[0] > 0, f"a word that all documents hold scores {common[0]:.3f}")


@BM25.law("a word's second use adds less than its first")
def repeats_saturate(scores):
    """The fraction f·(k₁ + 1)/(f + …) levels off."""
    library = [["owl", "a", "b", "c"], ["owl", "owl", "a", "b"], ["owl", "owl", "owl", "a"]]
    one, two, three = scored(scores, library, ["owl"])
    expect(
        0 < three - two < two - one, f"one, two, three uses score {one:.3f}, {two:.3f}, {three:.3f}"
    )


@BM25.law("of two documents that hold the word once, the longer scores less")
def length_is_a_discount(scores):
    """|D|/mean|D| stands below the fraction's line."""
    short, long = scored(scores, [["owl", "a"], ["owl", "a", "b", "c", "d"]], ["owl"])
    expect(long < short, f"2 words score {short:.3f}, 5 words {long:.3f}")


@BM25.law("the scores are BM25's, with its usual 1.5 and 0.75", libraries())
def scores_are_bm25(scores, documents, question):
    """Compare with the formula of the lesson, factor by factor."""
    same("the scores", scored(scores, documents, question), Store(documents).scores(question))


LEAK = Exercise("11.2", "RAFT leaks", "find the bug", answer="documents_for", points=3)
P, PLACES, DRAWS = 0.6, 3, 5000


def drawn(documents_for):
    """Where the golden document stood in each of many draws, -1 where it was absent."""
    rng, others, where = np.random.default_rng(0), list("abcdef"), []
    for _ in range(DRAWS):
        got = list(documents_for("gold", others, PLACES, P, rng))
        if len(got) != PLACES or len(set(got)) != PLACES or not set(got) <= {"gold", *others}:
            raise Broken(f"expected {PLACES} different documents of those given, got {got}")
        where.append(got.index("gold") if "gold" in got else -1)
    return np.array(where)


@LEAK.law("every draw is n different documents")
def draws_are_whole(documents_for):
    """Where the golden document is left out, one more of the others stands there."""
    drawn(documents_for)


@LEAK.law(f"the golden document is there in a share {P} of the draws, to 0.04")
def share_is_p(documents_for):
    """If it always were there, the model would learn that the answer always is."""
    share = (drawn(documents_for) >= 0).mean()
    expect(abs(share - P) < 0.04, f"it is there in {share:.2f} of the draws")


@LEAK.law("where it is there, it stands at each place equally often, to 0.04")
def place_says_nothing(documents_for):
    """A model that may look at the first place needs not read."""
    where = drawn(documents_for)
    shares = [(where[where >= 0] == place).mean() for place in range(PLACES)]
    expect(
        max(abs(s - 1 / PLACES) for s in shares) < 0.04,
        "its places are taken by " + ", ".join(f"{s:.2f}" for s in shares),
    )


@LEAK.law("which of the others stand beside it changes from draw to draw")
def others_vary(documents_for):
    """The same two distractors in each draw can be learnt by heart."""
    rng, seen = np.random.default_rng(1), set()
    for _ in range(200):
        seen |= set(documents_for("gold", list("abcdef"), PLACES, P, rng)) - {"gold"}
    expect(len(seen) == 6, f"of six others, {len(seen)} were ever drawn")


VERBALIZER = Exercise("11.3", "Verbalizer loss", "implement", answer="verbalized", points=3)


@st.composite
def slots(draw):
    """{z, words, label}: one slot's logits (K,), a word for each label, and the right label."""
    seed, L = draw(st.integers(0, 99), label="seed"), draw(st.integers(2, 3), label="L")
    rng = np.random.default_rng(seed)
    return {
        "z": tenths([seed, 0], 6),
        "words": tuple(int(w) for w in rng.permutation(6)[:L]),
        "label": int(rng.integers(L)),
    }


def true_loss(z, words, label):
    named = z[list(words)]
    return np.log(np.exp(named).sum()) - named[label]


@VERBALIZER.law("other words' logits do not matter", slots())
def other_words_are_ignored(verbalized, z, words, label):
    """Only the words that name a label compete: the softmax runs over those."""
    other = z + 5.0 * ~np.isin(np.arange(6), words)
    (a, _), (b, dz) = (parts(verbalized(x, words, label), "loss", "dz") for x in (z, other))
    same("the loss after other words' logits changed", b, a)
    rest = np.asarray(dz)[~np.isin(np.arange(6), words)]
    expect((rest == 0).all(), "dz is not 0 at words that name no label")


@VERBALIZER.law("labels and their words may be renumbered together", slots())
def labels_permute(verbalized, z, words, label):
    """The loss asks for the right label's word, wherever it stands in the list."""
    L = len(words)
    turned = tuple(words[(i + 1) % L] for i in range(L))
    (a, _), (b, _) = (
        parts(verbalized(z, w, k), "loss", "dz")
        for w, k in ((words, label), (turned, (label - 1) % L))
    )
    same("the loss after renumbering", b, a)


@VERBALIZER.law("the loss is -log of the right word's share, and dz its derivative", slots())
def loss_and_gradient(verbalized, z, words, label):
    """A softmax over len(words) logits; dz is share minus one-hot, back at the words' places."""
    loss, dz = parts(verbalized(z, words, label), "loss", "dz")
    same("the loss", loss, true_loss(z, words, label))
    same("dz", dz, numerical_gradient(lambda: true_loss(z, words, label), z), 1e-6)


EXERCISES = [BM25, LEAK, VERBALIZER]
