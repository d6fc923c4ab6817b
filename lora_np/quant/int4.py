"""INT4 in groups: whole numbers from −7 to 7 times a scale, or from 0 to 15 less a zero point.

    INT4       x ≈ scale · code                 scale = max |x| / 7
    INT4Zero   x ≈ scale · (code − zero)        scale = (max(x, 0) − min(x, 0)) / 15

(Jacob et al. 2018, arXiv 1712.05877, §2.1.) Rounded as torchao does, ties to the even code.
"""

from dataclasses import dataclass

import numpy as np

from .format import TINY, Grouped, largest


@dataclass(frozen=True)
class INT4(Grouped):
    """Symmetric: one of the sixteen codes is unused, and a scale in float32 is all that is kept."""

    scale_bytes = 4
    table = np.array([*range(8), *range(-8, 0)], np.float32)  # two's complement

    def fit(self, blocks):
        return (np.maximum(largest(blocks) / np.float32(7), TINY),)

    def store(self, scale):
        return {"scale": scale}

    def scales(self, stored):
        return (stored["scale"],)

    def encode(self, x, scale):
        levels = np.clip(np.rint(x * (1 / scale)), -7, 7)
        return levels.astype(np.int8).view(np.uint8) & np.uint8(15)


@dataclass(frozen=True)
class INT4Zero(Grouped):
    """With a zero point, which is one of the codes: 0 itself is kept exactly."""

    scale_bytes = 4 + 0.5
    table = np.arange(16, dtype=np.float32)

    def fit(self, blocks):
        lowest = np.minimum(blocks.min(axis=-1, keepdims=True), 0)
        highest = np.maximum(blocks.max(axis=-1, keepdims=True), 0)
        with np.errstate(over="ignore"):  # refused where it is stored
            scale = np.maximum((highest - lowest) / np.float32(15), TINY)
        return scale, np.clip(-np.rint(lowest / scale), 0, 15)

    def store(self, scale, zero):
        """Zero points, two a byte."""
        zero = np.append(zero.astype(np.uint8), np.zeros(zero.size % 2, np.uint8))
        return {"scale": scale, "zero": zero[::2] | zero[1::2] << np.uint8(4)}

    def scales(self, stored):
        scale, zero = stored["scale"], stored["zero"]
        zero = np.stack([zero & np.uint8(15), zero >> np.uint8(4)], axis=1).ravel()
        return scale, zero[: scale.size].reshape(scale.shape).astype(np.float32)

    def encode(self, x, scale, zero):
        return np.clip(np.rint(x * (1 / scale)) + zero, 0, 15).astype(np.uint8)

    def decode(self, values, scale, zero):
        return (values - zero) * scale

    def refit(self, target, values, scale, zero):
        zero = np.rint((values - target / scale).mean(axis=-1, keepdims=True))
        return scale, np.clip(zero, 0, 15)
