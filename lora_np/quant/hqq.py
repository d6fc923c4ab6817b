"""HQQ: scales for most weights, not for the few that lie far out; no data, some seconds.

(Badri and Shaji 2023, "Half-Quadratic Quantization".) Rounding to the nearest takes a block's scale
from its largest numbers. Least squares would still be ruled by them; so minimise the sum of
|x − x̂|^p with p below 1, where one large error costs little more than one of middle size. Split it
into two halves that have closed forms, with e, a part of the error that may be large:

    minimise |e|^p + β/2 · (e − (x − x̂))²

    e ← sign(d) · max(|d| − |d|^(p−1)/β, 0)          d = x − x̂: small errors give 0
    scale or offset ← least squares of x − e         a format's `refit`

and again, with a larger β. Errors are measured in the block's scale, so that β means the same for
all. The scales that were best along the way stand, the format's own among them.
"""

import numpy as np

from ..system.checks import check_real, check_whole
from .format import flat_floats


def hqq(Wt, format, iterations: int = 20, p: float = 0.7, beta: float = 10.0, kappa: float = 1.01):
    """The array in `format`, its scales chosen so that Σ |x − x̂|^p is small in every block."""
    check_whole("hqq: expected iterations", iterations)
    check_real("hqq: expected p", p, "above 0, up to 1")
    check_real("hqq: expected beta", beta)
    check_real("hqq: expected kappa", kappa)
    flat = flat_floats(Wt, "hqq")
    form = format.bound_to(flat)
    blocks = form.blocks(flat)
    how = best = form.rounded(form.fit(blocks))
    least = np.inf
    for step in range(iterations + 1):
        values = form.values(form.encode(blocks, *how))
        error = blocks - form.decode(values, *how)
        loss = (np.abs(error) ** np.float32(p)).sum(axis=(1, 2), keepdims=True)
        best = tuple(np.where(loss < least, new, old) for new, old in zip(how, best))
        least = np.minimum(loss, least)
        unit = np.where(how[0] == 0, 1, how[0])
        large = unit * shrink(error / unit, p, np.float32(beta * kappa**step))
        how = form.rounded(form.refit(blocks - large, values, *how))
    return form.tensor(form.encode(blocks, *best), form.kept(best), np.shape(Wt))


def shrink(d, p, beta):
    """sign(d) · max(|d| − |d|^(p−1)/β, 0): where the first half is least, nearly."""
    size = np.abs(d)
    power = np.where(size > 0, size, 1) ** np.float32(p - 1)
    return np.sign(d) * np.maximum(size - power / beta, 0)
