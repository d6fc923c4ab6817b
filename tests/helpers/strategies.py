"""What hypothesis draws: small layers of every shape that has caught a bug.

Sizes start at 2 (a 1 hides transposes and broadcasts), square shapes are drawn on purpose (they
hide a swapped A and B), α is never r (a lost scale hides at 1), and B is never zero.
"""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st


@dataclass(frozen=True)
class Case:
    """One drawn situation: layer sizes, leading dimensions of x, and the seed of every number."""

    n_in: int
    n_out: int
    rank: int
    alpha: float
    leading: tuple[int, ...]
    bias: bool
    seed: int

    def rng(self):
        return np.random.default_rng(self.seed)

    def array(self, *shape, salt=0):
        """Normal float64 numbers; the same for the same case and salt."""
        return np.random.default_rng([self.seed, salt]).standard_normal(shape)

    def x(self, salt=1):
        return self.array(*self.leading, self.n_in, salt=salt)

    def dy(self, salt=2):
        return self.array(*self.leading, self.n_out, salt=salt)


@st.composite
def cases(draw):
    n_in = draw(st.integers(2, 6), label="in")
    n_out = n_in if draw(st.booleans(), label="square") else draw(st.integers(2, 6), label="out")
    rank = draw(st.integers(1, min(n_in, n_out)), label="rank")
    alpha = draw(st.sampled_from([0.5, 3.0, 7.0, 16.0]).filter(lambda a: a != rank), label="alpha")
    leading = tuple(draw(st.lists(st.integers(1, 3), min_size=1, max_size=3), label="leading"))
    bias, seed = draw(st.booleans(), label="bias"), draw(st.integers(0, 2**32 - 1), label="seed")
    return Case(n_in, n_out, rank, alpha, leading, bias, seed)
