"""A table of which some rows are of their own: the embedding and head of trainable tokens.

W'[t] = E[i] for the tokens t = ids[i],   W'[t] = W[t] for all others
"""

import numpy as np

from ...nn.embedding import Embedding, Head, TableLike, check_ids, sum_rows
from ...nn.linear import rows
from ...nn.module import Parameter, Wrapper


class OwnRows(Wrapper, TableLike):
    """A table of which the rows `ids` are `tokens`, a Parameter, and the rest the base's, frozen.

    Ids behind the base's last are new rows. Shapes: ids (k,), tokens (k, d), W' (n, d).
    """

    shape = (0, 0)  # each has its own

    def __init__(self, base, ids, tokens):
        self.base, self.ids, self.tokens = base.freeze(), tuple(ids), Parameter.of(tokens)
        self.shape = max(base.shape[0], 1 + max(ids)), base.shape[1]

    def places(self):
        """(n,): the place of each token in `ids`, or -1 for a row of the base's."""
        at = np.full(self.shape[0], -1)
        at[list(self.ids)] = np.arange(len(self.ids))
        return at

    def effective_weight(self):
        W = np.empty(self.shape, self.dtype)
        W[: self.base.shape[0]] = self.base.effective_weight()
        W[list(self.ids)] = self.tokens.data
        return W


class TokenEmbedding(OwnRows):
    """y = W'[ids]. Shapes: ids (...), y (..., d)."""

    Dense = Embedding

    def forward(self, ids, *, rng=None):
        check_ids(ids, self.shape[0])
        at = self.places()[ids]  # (...), -1 for the base's
        own = at >= 0
        y, base_cache = self.base.forward(np.where(own, 0, ids))
        y[own] = self.tokens.data[at[own]]
        return y, (base_cache, own, at[own])

    def backward(self, dy, cache):
        base_cache, own, at = cache
        if self.tokens.trainable:
            self.tokens.accumulate(sum_rows(dy[own], at, len(self.ids)))  # undoes E[at]
        if self.base.trains():
            self.base.backward(np.where(own[..., None], 0, dy), base_cache)  # undoes W[ids]


class TokenHead(OwnRows):
    """logits = x W'ᵀ. Shapes: x (..., d), logits (..., n)."""

    Dense = Head

    def forward(self, x, *, rng=None):
        logits = np.empty((*x.shape[:-1], self.n_classes), x.dtype)
        n = self.base.shape[0]
        logits[..., :n], base_cache = self.base.forward(x)
        logits[..., list(self.ids)] = x @ self.tokens.data.T
        return logits, (base_cache, x if self.tokens.trainable else None)

    def backward(self, dlogits, cache, *, below_trains=True):
        base_cache, x = cache
        down = dlogits[..., list(self.ids)]  # of the own rows  (..., k)
        rest = np.where(self.places() < 0, dlogits, 0)[..., : self.base.shape[0]]
        dx = self.base.backward(rest, base_cache, below_trains=below_trains)  # undoes x Wᵀ
        if self.tokens.trainable:
            self.tokens.accumulate(rows(down).T @ rows(x))  # undoes x Eᵀ: dE = downᵀ x
        if below_trains:
            dx += down @ self.tokens.data  # undoes x Eᵀ; x was used twice
        return dx
