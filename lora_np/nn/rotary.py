"""Rotary positions: a query and a key turn by where they stand."""

import numpy as np


def rotary_angles(start, T, hd, theta, dtype):
    """cos and sin of the angle t·θ^(−2i/hd) by which position t turns pair i of a query or key.

    q·k then depends on how far apart the two stand, and on nothing else about where (Su et al.
    2021, arXiv 2104.09864, §3.2.2, eq. 15).
    Shapes: both (T, hd/2), for positions start … start + T − 1.
    """
    rates = theta ** (-np.arange(0, hd, 2) / hd)  # (hd/2,) float64: an angle may be in thousands
    angles = np.arange(start, start + T)[:, None] * rates
    return np.cos(angles).astype(dtype), np.sin(angles).astype(dtype)


def rotate(x, cos, sin):
    """Turn each pair (x₁, x₂) = (x[i], x[i + hd/2]): (x₁ cos − x₂ sin, x₂ cos + x₁ sin).

    The turn back, rotate(dy, cos, −sin), undoes it. Shapes: x (B, H, T, hd), cos, sin (T, hd/2).
    """
    y, half = np.empty_like(x), x.shape[-1] // 2
    x1, x2, y1, y2 = x[..., :half], x[..., half:], y[..., :half], y[..., half:]
    np.multiply(x1, cos, out=y1)
    y1 -= x2 * sin
    np.multiply(x2, cos, out=y2)
    y2 += x1 * sin
    return y
