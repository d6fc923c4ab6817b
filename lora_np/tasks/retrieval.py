"""A small store of documents and a retriever that ranks them: BM25, word by word.

BM25 only matches words: a question about a "car" never finds a document about an "automobile". A
vector index ranks by the inner product of learned vectors of question and document instead, so
that near meanings meet; it needs a model that makes the vectors, and misses rare names and numbers
that BM25 finds. Only `scores` would change; what is done with the ranking stays as it is.
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from ..system.checks import check_real, check_whole


class Store:
    """Documents, each a sequence of terms (words, or whole numbers), ranked by BM25.

    score(q, D) = Σ over terms t of q:  idf(t) · f·(k₁ + 1) / (f + k₁·(1 − b + b·|D|/mean|D|))
    with f how often t stands in D, and idf(t) = log(1 + (N − n + ½)/(n + ½)), n of N documents
    holding t (Robertson & Zaragoza 2009, "The Probabilistic Relevance Framework", §3.4; the 1 in
    the logarithm keeps idf above 0). A rare term counts more; its tenth use adds less than its
    first (k₁); and a long document, which holds many terms anyway, gets less for each (b).
    """

    def __init__(self, documents: Sequence, k1: float = 1.5, b: float = 0.75):
        self.documents = list(documents)
        if not self.documents:
            raise ValueError("Store: expected at least one document, got an empty store")
        lengths = np.array([len(document) for document in self.documents])
        if not lengths.all():
            raise ValueError(f"Store: document {lengths.argmin()} is empty")
        check_real("Store: expected k1", k1, "from 0")
        check_real("Store: expected b", b, "from 0 to 1")
        self.k1, self.penalty = k1, k1 * (1 - b + b * lengths / lengths.mean())  # (N,)
        self.postings: dict = {}  # term -> [(document's number, how often it stands there), …]
        for i, document in enumerate(self.documents):
            for term, count in Counter(_terms(document)).items():
                self.postings.setdefault(term, []).append((i, count))

    def __len__(self):
        return len(self.documents)

    def scores(self, question: Sequence) -> np.ndarray:
        """The BM25 score of every document, (N,); 0 where no term of the question stands."""
        scores = np.zeros(len(self))
        for term in _terms(question):
            posting = self.postings.get(term, [])
            idf = math.log(1 + (len(self) - len(posting) + 0.5) / (len(posting) + 0.5))
            for i, f in posting:
                scores[i] += idf * f * (self.k1 + 1) / (f + self.penalty[i])
        return scores

    def search(self, question: Sequence, n: int) -> np.ndarray:
        """The numbers of the n best documents, best first; equals in the store's order."""
        check_whole("Store: expected n", n)
        if n > len(self):
            raise ValueError(
                f"Store: expected n from 1 to {len(self)}, the number of documents, got {n!r}"
            )
        if len(question) == 0:
            raise ValueError("Store: the question has no terms")
        return np.argsort(-self.scores(question), kind="stable")[:n]


def _terms(sequence):
    """The sequence as plain Python values, so that equal terms hash alike; a str is a mistake."""
    if isinstance(sequence, str):
        raise ValueError(f"Store: expected a sequence of terms, got the string {sequence[:40]!r}")
    return sequence.tolist() if isinstance(sequence, np.ndarray) else sequence
