"""Stateless pairs: each function's forward directly above its backward."""

import math

import numpy as np

GELU_C = math.sqrt(2 / math.pi)  # Python floats: a NumPy scalar would turn float32 into float64
GELU_A = 0.044715


def softmax_forward(z):
    """p = exp(z) / Σ exp(z) along the last axis.

    The largest z is subtracted first: it cancels in the fraction, and exp cannot overflow.
    Shapes: z and p alike. The cache is p itself.
    """
    p = z - z.max(axis=-1, keepdims=True)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    return p, p


def softmax_backward(dp, p):
    """Undoes p = softmax(z): dz = p · (dp − Σ dp·p), since ∂pᵢ/∂zⱼ = pᵢ(δᵢⱼ − pⱼ)."""
    dz = dp - np.einsum("...i,...i->...", dp, p)[..., None]
    dz *= p
    return dz


def log_softmax(z):
    """log p = z − log Σ exp(z) along the last axis, finite where softmax itself rounds to 0.

    Shapes: z and log p alike.
    """
    logp = z - z.max(axis=-1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(axis=-1, keepdims=True))
    return logp


def log_sigmoid(x):
    """log σ(x) = −log(1 + e⁻ˣ), finite for every finite x; its derivative is σ(−x).

    Shapes: x and log σ alike.
    """
    return -np.logaddexp(0, -x)


def gelu_forward(x):
    """y = ½x(1 + t), t = tanh(√(2/π)(x + 0.044715x³)): GPT-2's GELU.

    (Hendrycks & Gimpel 2016, arXiv 1606.08415, §2, the tanh approximation.)
    Shapes: x and y alike.
    """
    t = x * x
    t *= GELU_A * GELU_C
    t += GELU_C
    t *= x  # √(2/π)(x + 0.044715x³), with x*x*x: x**3 is 25 times slower
    np.tanh(t, out=t)
    y = t + 1
    y *= x
    y *= 0.5
    return y, (x, t)


def gelu_backward(dy, cache):
    """Undoes y = ½x(1 + t): dx = dy · ½[(1 + t) + x(1 − t²) · √(2/π)(1 + 3·0.044715x²)]."""
    x, t = cache
    dx = x * x
    dx *= 3 * GELU_A * GELU_C
    dx += GELU_C
    dx *= x  # x · d(inner)/dx
    slope = t * t
    np.subtract(1, slope, out=slope)  # tanh' = 1 − t²
    dx *= slope
    dx += t
    dx += 1
    dx *= 0.5
    dx *= dy
    return dx


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
