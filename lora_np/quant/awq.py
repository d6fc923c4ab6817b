"""AWQ: make the weights of large inputs larger before they are rounded, and smaller after.

(Lin et al. 2023, arXiv 2306.00978, §3.2.) Rounding errs by about the same step Δ whatever the
weight in a block. So the error of an input's weights, times that input, is

    x · Δ          and, where its weights are rounded as w·s and read as Q(w·s)/s,          x · Δ/s

as long as s does not make them their block's largest, which would make Δ larger for all. The s of
an input is its mean size to a power, and the power is the one of a grid that loses least:

    s = (mean |x|)^a / √(max · min of that over inputs)          a = 0, 1/20, …, 1

a = 0 is rounding to the nearest itself, so AWQ never loses more on its calibration text.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..system.checks import check_whole


@dataclass(frozen=True, eq=False)
class Scaled:
    """A quantized tensor (out, in) that stands for itself divided by `scale` (in,)."""

    tensor: Any
    scale: np.ndarray

    shape = property(lambda self: self.tensor.shape)
    nbytes = property(lambda self: self.tensor.nbytes + self.scale.nbytes)

    def dequantize(self, dtype=np.float32):
        values = self.tensor.dequantize()
        values /= self.scale
        return values.astype(dtype, copy=False)

    def __deepcopy__(self, memo):
        return self


def awq(Wt, inputs, format, steps: int = 20):
    """Wᵀ (out, in) in `format`, its inputs' weights scaled by the best of `steps` + 1 powers.

    Raises: ValueError where no power has a loss: weights or inputs too large, or not finite.
    """
    check_whole("awq: expected steps", steps)
    best, least = None, np.inf
    for power in np.arange(steps + 1) / steps:
        scale = scale_of(inputs.size / max(inputs.count, 1), power)
        rounded = Scaled(format.quantize(Wt * scale), scale)
        with np.errstate(over="ignore", invalid="ignore"):  # no loss at all is said below
            loss = inputs.loss(Wt, rounded)
        if loss < least:
            best, least = rounded, loss
    if best is None:
        raise ValueError("awq: expected weights and inputs whose loss is finite in float32")
    return best


def scale_of(size, power):
    """s (in,) float32, of the mean size of each input; one that is never on takes the least."""
    size = np.maximum(size, max(size.max(initial=0) * 1e-4, 1e-12))
    scale = size**power
    return (scale / np.sqrt(scale.max() * scale.min())).astype(np.float32)
