"""A source of symbols whose every probability is known, so that a model can be held against it."""

import numpy as np

from ...system.checks import check_real, check_whole


class MarkovSource:
    """The next symbol depends on the last `order` ones: p(next | last), a table drawn at random.

    Each row of the table is Dirichlet: the smaller the `concentration`, the surer the next symbol.
    Shapes: table (K, …, K), `order` axes for what came before and one for what comes next.
    """

    def __init__(self, rng, symbols, order, concentration=0.5):
        check_whole("MarkovSource: expected symbols", symbols)
        check_whole("MarkovSource: expected order", order)
        check_real("MarkovSource: expected a concentration", concentration)
        self.symbols, self.order = symbols, order
        self.table = rng.dirichlet(np.full(symbols, concentration), size=(symbols,) * order)

    def sample(self, size, length, rng):
        """Texts (size, length); the first `order` symbols are uniform."""
        tokens = np.empty((size, length), np.int64)
        tokens[:, : self.order] = rng.integers(self.symbols, size=(size, self.order))
        for t in range(self.order, length):
            reached = self.after(tokens[:, t - self.order : t]).cumsum(axis=-1)[:, 0]  # (size, K)
            drawn = (rng.random((size, 1)) >= reached).sum(axis=1)
            tokens[:, t] = np.minimum(drawn, self.symbols - 1)  # where the sum rounds to below 1
        return tokens

    def after(self, tokens):
        """p(next) after each position that has enough before it.

        Shapes: tokens (B, T), the result (B, T − order + 1, K).
        """
        T = tokens.shape[1]
        return self.table[tuple(tokens[:, i : T - self.order + 1 + i] for i in range(self.order))]
