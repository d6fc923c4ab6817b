"""The past: keys and values of positions that were read before."""

import numpy as np


class KeyValueCache:
    """The keys and values of a sequence that grows while text is generated, never copied.

    Shapes: k and v (B, H, capacity, hd), of which `length` positions are filled.
    """

    def __init__(self, shape, dtype):
        self.k, self.v, self.length = np.empty(shape, dtype), np.empty(shape, dtype), 0

    def append(self, k, v):
        """Add k and v (B, H, T, hd); returns views of all keys and values so far."""
        (B, H, room, hd), T, start = self.k.shape, k.shape[2], self.length
        expected, end = (B, H, T, hd), start + T
        if k.shape != expected or v.shape != expected or end > room:
            raise ValueError(
                f"KeyValueCache: {start} of {room} positions are filled; expected k and v "
                f"{expected} that fit in the rest, got {k.shape} and {v.shape}"
            )
        self.k[:, :, start:end], self.v[:, :, start:end] = k, v
        self.length = end
        return self.k[:, :, :end], self.v[:, :, :end]


def grows(past):
    """Whether `past`, an entry a layer, is one to generate with, not one that gets gradients."""
    return past is not None and isinstance(past[0], KeyValueCache)


def past_length(past):
    """How many positions come before the first token: those in one layer's `past`."""
    if past is None:
        return 0
    return past.length if isinstance(past, KeyValueCache) else past[0].shape[2]


def check_past(past, x, config):
    """Raise ValueError unless `past` has an entry a layer, and pairs are (B, G, P, hd), as x is."""
    if len(past) != config.n_layer:
        raise ValueError(f"expected a past for each of {config.n_layer} layers, got {len(past)}")
    for entry in past:
        if entry is None or isinstance(entry, KeyValueCache):
            continue  # a KeyValueCache checks what is appended
        k, v = entry
        expected = (len(x), config.n_kv_head, k.shape[2] if k.ndim == 4 else "P", config.head_dim)
        if k.shape != expected or v.shape != expected or not k.dtype == v.dtype == x.dtype:
            got = f"{k.shape} {k.dtype} and {v.shape} {v.dtype}"
            raise ValueError(f"expected past keys and values {expected} in {x.dtype}, got {got}")


def extend_past(past, k, v):
    """All keys and values there are: those in one layer's `past`, then k and v (B, G, T, hd)."""
    if isinstance(past, KeyValueCache):
        return past.append(k, v)
    if past is not None:
        return tuple(np.concatenate(pair, axis=2) for pair in zip(past, (k, v)))
    return k, v
