"""AdamW whose two moments rest in 8 bits (Dettmers et al. 2021, arXiv 2110.02861, §2).

Blocks of 256 numbers share an absmax, and each is the nearest entry of the dynamic map, which is
dense near zero; v, never negative, has a map without signs. 2.03 bytes a number that learns, not 8.
"""

import numpy as np

from ..memory.formulas import LEAST  # smaller parameters' moments stay in float
from ..quant.double_quant import (
    BLOCK,
    DYNAMIC_MAP,
    UNSIGNED_MAP,
    code_of_bin,
    dequantize_blocks,
    quantize_blocks,
)
from .optim import AdamW

CHUNK = BLOCK << 8  # numbers whose moments are in float32 at once


class Moment8bit:
    """n numbers in 8 bits, zero at first. Shapes: codes (n,) uint8, absmax (⌈n/256⌉,) float32."""

    def __init__(self, n, signed):
        self.signed = signed
        self.codes, self.absmax = np.zeros(n, np.uint8), np.zeros(-(-n // BLOCK), np.float32)

    def _of(self, at):
        return self.codes[at], self.absmax[at.start // BLOCK : -(-at.stop // BLOCK)]

    def read(self, at):
        """Those numbers, float32; the slice `at` starts at a block."""
        return dequantize_blocks(*self._of(at), DYNAMIC_MAP if self.signed else UNSIGNED_MAP)

    def write(self, at, x):
        for ours, new in zip(self._of(at), quantize_blocks(x, code_of_bin(self.signed))):
            ours[...] = new


class AdamW8bit(AdamW):
    """AdamW, which between its steps holds the moments of large parameters in 8 bits.

    Given the same gradients, moments have the bits of bitsandbytes' AdamW8bit on a CPU.
    """

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, **settings)
        for moments, signed in ((self.m, True), (self.v, False)):
            for i, moment in enumerate(moments):
                if moment.size >= LEAST:
                    moments[i] = Moment8bit(moment.size, signed)

    def state(self):
        arrays = {}
        for name, held in super().state().items():
            if isinstance(held, Moment8bit):
                arrays |= {f"{name}.codes": held.codes, f"{name}.absmax": held.absmax}
            else:
                arrays[name] = held
        return arrays

    def _update(self, parameter, index, lr):
        m8, v8 = self.m[index], self.v[index]
        if not isinstance(m8, Moment8bit):
            super()._update(parameter, index, lr)
            return
        beta1, beta2 = self.betas
        self.t[index] += 1
        w, gradient = parameter.data.reshape(-1), parameter.grad.reshape(-1)
        for start in range(0, w.size, CHUNK):
            at = slice(start, min(start + CHUNK, w.size))
            m, v, g = m8.read(at), v8.read(at), gradient[at]
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            self._move(w[at], m, v, lr, int(self.t[index]))
            m8.write(at, m)
            v8.write(at, v)
        if not np.may_share_memory(w, parameter.data):  # where its rows are not end to end
            parameter.data[...] = w.reshape(parameter.shape)
