"""Rotary positions: a query and a key turn by where they stand.

Pair i of a query or key turns by its rate, θ^(−2i/hd), at each position. A model that was trained
on L positions reads more of them with other rates: the scalings below, whose settings have Hugging
Face's names. Each one's `rates` gives them for a sequence of `length` positions, and the number m
by which a turned query and key grow.
"""

import math
from dataclasses import dataclass, fields

import numpy as np

from ..system.checks import check_fields, check_real


def rotary_angles(start, T, hd, theta, dtype, scaling=None, context=None):
    """m·cos and m·sin of the angle t·θ^(−2i/hd) by which position t turns pair i, m 1 as a rule.

    q·k then depends on how far apart the two stand, and on nothing else about where (Su et al.
    2021, arXiv 2104.09864, §3.2.2, eq. 15). `context` is the model's own L.
    Shapes: both (T, hd/2), for positions start … start + T − 1.
    """
    rates, m = theta ** (-np.arange(0, hd, 2) / hd), 1.0  # float64: an angle may be in thousands
    if scaling is not None:
        rates, m = scaling.rates(rates, theta, start + T, context)
    angles = np.arange(start, start + T)[:, None] * rates
    return (m * np.cos(angles)).astype(dtype), (m * np.sin(angles)).astype(dtype)


def rotate(x, cos, sin):
    """Turn each pair (x₁, x₂) = (x[i], x[i + hd/2]): (x₁ cos − x₂ sin, x₂ cos + x₁ sin).

    rotate(dy, cos, −sin) undoes it: the turn back. Shapes: x (B, H, T, hd), cos, sin (T, hd/2).
    """
    y, half = np.empty_like(x), x.shape[-1] // 2
    x1, x2, y1, y2 = x[..., :half], x[..., half:], y[..., :half], y[..., half:]
    np.multiply(x1, cos, out=y1)
    y1 -= x2 * sin
    np.multiply(x2, cos, out=y2)
    y2 += x1 * sin
    return y


class Scaling:
    """Settings, numbers above 0, and `rates(rates, theta, length, context)`: the rates, and m."""

    def __post_init__(self):
        check_fields(self)
        for field in fields(self):
            value = getattr(self, field.name)
            expected = f"{type(self).__name__}: expected {field.name}"
            if field.type is bool and not isinstance(value, bool):
                raise ValueError(f"{expected} to be True or False, got {value!r}")
            if field.type == tuple[float, ...]:
                if not isinstance(value, tuple):
                    raise ValueError(f"{expected} to be a tuple of numbers, got {value!r}")
                for each in value:
                    check_real(f"{expected} each", each)


@dataclass(frozen=True)
class LinearScaling(Scaling):
    """rate/s: position t turns as t/s did (Chen et al. 2023, arXiv 2306.15595, §2.3)."""

    factor: float

    def rates(self, rates, theta, length, context):
        return rates / self.factor, 1.0


@dataclass(frozen=True)
class DynamicScaling(Scaling):
    """θ·c^(hd/(hd−2)) in θ's place, with c = s·length/L − (s − 1) beyond L and 1 up to there.

    The first pair turns as before, the last one c times slower ("Dynamic NTK" in Peng et al. 2023,
    arXiv 2309.00071). What was read before keeps the turn it had in the cache, as in transformers.
    """

    factor: float

    def rates(self, rates, theta, length, context):
        c = self.factor * max(length, context) / context - (self.factor - 1)
        return rates * c ** -np.linspace(0, 1, len(rates)), 1.0  # −2i/(hd−2) is 0 … −1


@dataclass(frozen=True)
class Llama3Scaling(Scaling):
    """rate where a full turn is short, rate/s where it is long, between them a mixture.

    With r = L·rate/2π turns over L positions: w = (r − low)/(high − low), held to 0 … 1, and
    w·rate + (1 − w)·rate/s (`apply_scaling` in Meta's own code of Llama 3.1).
    """

    factor: float
    low_freq_factor: float
    high_freq_factor: float
    original_max_position_embeddings: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.low_freq_factor >= self.high_freq_factor:
            got = f"{self.low_freq_factor} and {self.high_freq_factor}"
            raise ValueError(f"Llama3Scaling: expected low_ below high_freq_factor, got {got}")

    def rates(self, rates, theta, length, context):
        L, low = self.original_max_position_embeddings or context, self.low_freq_factor
        w = np.clip((L * rates / (2 * math.pi) - low) / (self.high_freq_factor - low), 0, 1)
        return w * rates + (1 - w) * rates / self.factor, 1.0


@dataclass(frozen=True)
class YarnScaling(Scaling):
    """As Llama 3's, with w falling evenly over the pairs, and m = 0.1 ln s + 1.

    w is 1 at the pair that turns `beta_fast` times over L positions, 0 at the one that turns
    `beta_slow` times (Peng et al. 2023, arXiv 2309.00071: "NTK-by-parts" and attention scaling;
    even over the pairs, and from whole ones with `truncate`, in its authors' code).
    """

    factor: float
    original_max_position_embeddings: int | None = None
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    def rates(self, rates, theta, length, context):
        n, L = len(rates), self.original_max_position_embeddings or context

        def pair(turns):  # L·θ^(−i/n) = 2π·turns, solved for i
            return n * math.log(L / (turns * 2 * math.pi)) / math.log(theta)

        first, last = pair(self.beta_fast), pair(self.beta_slow)
        if self.truncate:
            first, last = math.floor(first), math.ceil(last)
        first, last = max(first, 0), min(last, 2 * n - 1)
        last += 0.001 if first == last else 0  # a step, not 0/0
        w = 1 - np.clip((np.arange(n) - first) / (last - first), 0, 1)
        return w * rates + (1 - w) * rates / self.factor, self._m()

    def _m(self):
        if self.attention_factor is not None:
            return self.attention_factor
        log = math.log(max(self.factor, 1))
        if self.mscale and self.mscale_all_dim:
            return (0.1 * self.mscale * log + 1) / (0.1 * self.mscale_all_dim * log + 1)
        return 0.1 * log + 1


@dataclass(frozen=True)
class LongRopeScaling(Scaling):
    """rate/f with a factor f for each pair: one set of them up to L positions, another beyond.

    m = √(1 + ln s/ln L), s how many times L the context is (Ding et al. 2024, arXiv 2402.13753).
    A GGUF's `rope_freqs` are such factors, the same ones for any length, with m 1.
    Shapes: both (hd/2,).
    """

    short_factor: tuple[float, ...]
    long_factor: tuple[float, ...]
    factor: float | None = None
    attention_factor: float | None = None
    original_max_position_embeddings: int | None = None

    def rates(self, rates, theta, length, context):
        L = self.original_max_position_embeddings or context
        f = self.long_factor if length > L else self.short_factor
        m, s = self.attention_factor, self.factor or context / L
        if m is None:
            m = math.sqrt(1 + math.log(s) / math.log(L)) if s > 1 else 1.0
        return rates / np.array(f), m


SCALINGS: dict = {  # by Hugging Face's rope_type
    "linear": LinearScaling,
    "dynamic": DynamicScaling,
    "llama3": Llama3Scaling,
    "yarn": YarnScaling,
    "longrope": LongRopeScaling,
}
