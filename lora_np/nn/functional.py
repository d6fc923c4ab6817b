"""Stateless pairs: each function's forward directly above its backward."""


def dropout_forward(x, p, rng):
    """Zero each number with probability p and scale the rest by 1/(1 − p), so the mean stays.

    Without an `rng`, or with p = 0, x passes as it is and the mask is None.
    Shapes: x, y and mask alike.
    """
    if rng is None or p == 0:
        return x, None
    keep = rng.random(x.shape, dtype=x.dtype) >= p
    mask = keep * x.dtype.type(1 / (1 - p))
    return x * mask, mask


def dropout_backward(dy, mask):
    """Undoes y = x · mask: dx = dy · mask."""
    return dy if mask is None else dy * mask
