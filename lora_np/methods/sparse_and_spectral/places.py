"""Sums over places: rows spread over columns, and the order in which torch would draw places."""

import numpy as np

MOST = (2**32 - 1) // 20  # torch's `randperm` draws from here on otherwise


def spread(values, columns, n):
    """(N, n) with values[:, l] added at columns[l]: x times a matrix of few numbers, unformed.

    Shapes: values (N, L), columns (L,). By sorted runs, ten times as fast as `np.add.at`.
    """
    order = np.argsort(columns, kind="stable")
    found, starts = np.unique(columns[order], return_index=True)
    result = np.zeros((len(values), n), values.dtype)
    result[:, found] = np.add.reduceat(values[:, order], starts, axis=1)
    return result


def first_of_permutation(n, k, seed):
    """The first k of torch.randperm(n) under a generator of that seed, the same on every machine.

    torch shuffles from the front by a Mersenne Twister's 32-bit numbers, place i with one of those
    from i on (Fisher & Yates); NumPy has the same generator.
    Raises: ValueError from n = MOST on, where torch's order is another.
    """
    if n >= MOST:
        raise ValueError(
            f"expected a weight of fewer than {MOST:,} numbers to place {k} in, got {n:,}"
        )
    words = np.random.RandomState(seed).randint(0, 2**32, k, dtype=np.uint32)
    moved = {}  # where a place no longer holds its own number
    result = np.empty(k, np.int64)
    for i, word in enumerate(words.tolist()):
        j = i + word % (n - i)
        result[i] = moved.get(j, j)
        moved[j] = moved.get(i, i)
    return result
