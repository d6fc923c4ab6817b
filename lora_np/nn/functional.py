"""Stateless pairs: each function's forward directly above its backward."""

import math

import numpy as np

from ..system.checks import check_real

GELU_C = math.sqrt(2 / math.pi)  # Python floats: a NumPy scalar would turn float32 into float64
GELU_A = 0.044715
PIECE = 1 << 17  # numbers worked on at once


def softmax_forward(z, out=None):
    """p = exp(z) / Σ exp(z) along the last axis; p is also the cache, and `out` may be z itself."""
    p = np.subtract(z, z.max(axis=-1, keepdims=True), out=out)  # cancels; exp cannot overflow
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    return p, p


def softmax_backward(dp, p, out=None):
    """Undoes p = softmax(z): dz = p · (dp − Σ dp·p), since ∂pᵢ/∂zⱼ = pᵢ(δᵢⱼ − pⱼ)."""
    dz = np.subtract(dp, np.einsum("...i,...i->...", dp, p)[..., None], out=out)
    dz *= p
    return dz


def log_softmax(z):
    """log p = z − log Σ exp(z) along the last axis, finite where softmax itself rounds to 0."""
    logp = z - z.max(axis=-1, keepdims=True)
    logp -= np.log(np.exp(logp).sum(axis=-1, keepdims=True))
    return logp


def log_sigmoid(x):
    """log σ(x) = −log(1 + e⁻ˣ), finite for every finite x; its derivative is σ(−x)."""
    return -np.logaddexp(0, -x)


def gelu_forward(x, out=None):
    """y = x·h, h = ½(1 + tanh(√(2/π)(x + 0.044715x³))): GPT-2's GELU.

    (Hendrycks & Gimpel 2016, arXiv 1606.08415, §2, the tanh approximation of x·Φ(x).)
    Shapes: x and y alike; `out` may be x itself. The cache is dy/dx, where x and h would be two.
    """
    if out is not None and (out.shape != x.shape or not out.flags.c_contiguous):
        raise ValueError(f"gelu_forward: expected out {x.shape} in C order, got {out.shape}")
    y, slope = np.empty(x.shape, x.dtype) if out is None else out, np.empty(x.shape, x.dtype)
    flat = [array.reshape(-1) for array in (x, y, slope)]
    for start in range(0, x.size, PIECE):  # a piece at a time, so that h stays small
        x_, y_, slope_ = (array[start : start + PIECE] for array in flat)
        h = x_ * x_  # x*x*x, since x**3 takes 25 times as long; in place: memory is slow too
        h *= GELU_A * GELU_C
        h += GELU_C
        h *= x_
        np.tanh(h, out=h)
        h += 1
        h *= 0.5
        gelu_slope(x_, h, out=slope_)
        np.multiply(x_, h, out=y_)
    return y, slope


def gelu_slope(x, h, out):
    """dy/dx = h + x·h', h' = 2h(1 − h)·√(2/π)(1 + 3·0.044715x²), where 2h(1 − h) = ½(1 − tanh²)."""
    slope = np.multiply(x, x, out=out)
    slope *= 6 * GELU_A * GELU_C
    slope += 2 * GELU_C
    slope *= x
    slope *= 1 - h
    slope += 1  # 1 + x·h'/h
    slope *= h


def gelu_backward(dy, slope, out=None):
    """Undoes y = gelu(x): dx = dy · slope. `out` may be dy itself."""
    return np.multiply(dy, slope, out=out)


def silu_forward(x):
    """y = x·σ(x) (Hendrycks & Gimpel 2016, arXiv 1606.08415, §2). The cache is x."""
    y = sigmoid(x)
    y *= x
    return y, x


def silu_backward(dy, x):
    """Undoes y = x·σ: dx = dy · (σ + x·σ'), with σ' = σ(1 − σ), so dx = dy·σ·(1 + x(1 − σ))."""
    s = sigmoid(x)
    dx = 1 - s
    dx *= x
    dx += 1
    dx *= s
    dx *= dy
    return dx


def sigmoid(x):
    """σ(x) = 1/(1 + e⁻ˣ) = ½(1 + tanh(x/2)), which cannot overflow."""
    s = x * 0.5
    np.tanh(s, out=s)
    s += 1
    s *= 0.5
    return s


DROPPED = "from 0 to below 1"  # of `system.checks.REAL`: the probability to drop a number


def check_dropout(expected, p):
    """Raise ValueError, beginning with `expected`, unless p is the probability to drop a number."""
    check_real(expected, p, DROPPED)


def dropout_forward(x, p, rng):
    """Zero each number with probability p and scale the rest by 1/(1 − p), so the mean stays."""
    mask = dropout_mask(x, p, rng)
    return (x, None) if mask is None else (x * mask, mask)


def dropout_mask(x, p, rng):
    """0 or 1/(1 − p) for each number of x, or None where nothing is dropped."""
    if rng is None or p == 0:
        return None
    keep = rng.random(x.shape, dtype=x.dtype) >= p
    return keep * x.dtype.type(1 / (1 - p))


def dropout_backward(dy, mask):
    """Undoes y = x · mask: dx = dy · mask."""
    return dy if mask is None else dy * mask
