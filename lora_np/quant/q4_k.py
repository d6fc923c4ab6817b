"""Q4_K of GGUF: 256 numbers in eight groups, whose scales and offsets have six bits each.

    x ≈ d·s · code − e·m          s, m from 0 to 63, for 32 numbers; d, e float16, for all 256

A group's step and lowest number are fitted, not read off: of 21 steps near the range's, each gives
codes, to which the best line is drawn (least squares, a number weighing its own size and the
group's root mean square); the least weighted error stands. All in float32 and in ggml's order, so
each bit agrees with it.
"""

from dataclasses import dataclass

import numpy as np

from .format import Affine

SIX = np.float32(63)
HALF_STEPS = -1 + np.float32(0.1) * np.arange(21, dtype=np.float32)  # −1 … 1: more codes, or fewer
CHUNK = 256  # blocks fitted at once


@dataclass(frozen=True)
class Q4_K(Affine):  # noqa: N801  the field's name
    """Sixteen bytes of scales for 256 codes: 4.5 bits a number."""

    group = 32
    groups = 8
    half = 32
    scale_bytes = 16

    def fit(self, blocks):
        parts = [
            self.stored_fit(blocks[at : at + CHUNK]) for at in range(0, len(blocks) or 1, CHUNK)
        ]
        stored = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        with np.errstate(invalid="ignore"):
            return self.scales(stored)

    def stored_fit(self, blocks):
        with np.errstate(all="ignore"):  # a group that overflows is refused where it is stored
            return self.store(*best_lines(blocks))

    def store(self, scale, offset):
        """Six bits each, of the block's largest: its byte j has s and m of group j, or of two."""
        low = np.maximum(0 - offset[..., 0], 0)  # (n, 8): a line begins at or below 0
        (d, s), (e, m) = six_bits(scale[..., 0]), six_bits(low)
        first = [s[:, :4] | (s[:, 4:] >> 4 << 6), m[:, :4] | (m[:, 4:] >> 4 << 6)]
        last = s[:, 4:] & 15 | (m[:, 4:] & 15) << 4
        return {"d": d, "e": e, "six": np.concatenate([*first, last], axis=1)}

    def scales(self, stored):
        s, m, both = np.split(stored["six"], 3, axis=1)
        s = np.concatenate([s & 63, both & 15 | s >> 6 << 4], axis=1)
        m = np.concatenate([m & 63, both >> 4 | m >> 6 << 4], axis=1)
        d, e = (stored[name].astype(np.float32)[:, None] for name in "de")
        return (d * s)[..., None], -(e * m)[..., None]

    def encode(self, x, scale, offset):
        """A scale of 0 makes all codes one number: 0 here; ggml leaves those of its fit."""
        levels = np.rint((x - offset) / np.where(scale == 0, np.inf, scale))
        return np.clip(levels, 0, 15).astype(np.uint8)


def six_bits(parts):
    """(float16 (n,), whole numbers 0 … 63 (n, 8) uint8) whose product is near `parts`."""
    top = parts.max(axis=1)
    inverse = np.divide(SIX, top, where=top > 0, out=np.zeros_like(top))
    whole = np.clip(np.nan_to_num(np.rint(inverse[:, None] * parts)), 0, 63)
    return (top / SIX).astype(np.float16), whole.astype(np.uint8)


def total(terms):
    """The sum along a group, added up one after the other as a loop in C does."""
    return np.add.accumulate(terms, axis=-1)[..., -1:]


def best_lines(x):
    """Each group's (scale, offset), (n, 8, 1) each: the line with the least weighted error.

    As in ggml, the next steps begin at the best line's offset and not at the lowest number.
    """
    w = np.sqrt(total(x * x) / np.float32(32)) + np.abs(x)
    offset, highest = np.minimum(x.min(-1, keepdims=True), 0), x.max(-1, keepdims=True)
    flat = highest == offset
    sum_w, sum_x = total(w), total(w * x)
    inverse = np.float32(15) / (highest - offset)
    scale = 1 / inverse
    best = error(x, w, codes_of(x, offset, inverse), scale, offset)
    for more in HALF_STEPS:
        codes = codes_of(x, offset, (more + np.float32(15)) / (highest - offset))
        wl = w * codes
        sum_l, sum_l2, sum_xl = total(wl), total(wl * codes), total(wl * x)
        spread = sum_w * sum_l2 - sum_l * sum_l
        slope = (sum_w * sum_xl - sum_x * sum_l) / spread
        start = (sum_l2 * sum_x - sum_l * sum_xl) / spread
        slope = np.where(start > 0, sum_xl / sum_l2, slope)  # it may not begin above 0
        start = np.minimum(start, 0)
        found = error(x, w, codes, slope, start)
        better = (spread > 0) & (found < best)
        best = np.where(better, found, best)
        scale, offset = np.where(better, slope, scale), np.where(better, start, offset)
    return np.where(flat, np.float32(0), scale), offset


def codes_of(x, offset, inverse):
    return np.clip(np.rint(inverse * (x - offset)), 0, 15)


def error(x, w, codes, scale, offset):
    off = scale * codes + offset - x
    return total(w * (off * off))
