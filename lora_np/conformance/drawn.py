"""What the laws are tried on: small layers and rows of every kind that has hidden a mistake.

Sizes start at 2 (a 1 hides transposes), square ones are drawn on purpose (they hide swapped
factors), α is never r (that hides the scale), no number is zero (a B of zeros hides A), and each
has one decimal, so that the smallest that breaks a law can be followed by hand.
"""

import contextlib
import tempfile
from pathlib import Path

import numpy as np


def hypothesis():
    """The library that draws and shrinks. Raises: ImportError that says how to get it."""
    try:
        import hypothesis
    except ImportError:
        need = 'pip install "hypothesis>=6.100"'
        raise ImportError(f"the laws are tried by hypothesis, which is not here: {need}") from None
    return hypothesis


@contextlib.contextmanager
def no_folder_left():
    """What hypothesis keeps of its own goes to the temporary folder, not beside what is tried."""
    configuration = hypothesis().configuration
    configuration.set_hypothesis_home_dir(Path(tempfile.gettempdir()) / "lora_np_hypothesis")
    try:
        yield
    finally:
        configuration.set_hypothesis_home_dir(None)


class Draw:
    """Choices, each shrinking towards its first; so that no law has to import hypothesis."""

    def __init__(self, draw):
        self.draw, self.st = draw, hypothesis().strategies

    def whole(self, least, most):
        return self.draw(self.st.integers(least, most))

    def one_of(self, *values):
        return self.draw(self.st.sampled_from(values))


def strategy(build):
    """What hypothesis draws from, for `build(draw) -> {name: array or number}`."""
    return hypothesis().strategies.composite(lambda draw: build(Draw(draw)))()


def assume(condition):
    """Draw anew unless the condition holds, for inputs that can say nothing."""
    hypothesis().assume(condition)


def tenths(seed, *shape):
    """Normal numbers to one decimal, none of them zero; the same for the same seed."""
    numbers = np.random.default_rng(seed).standard_normal(shape).round(1)
    return np.where(numbers == 0, 0.1, numbers)


def layer(draw, ranks=(1, 2, 3), others=()):
    """One LoRA layer W (in, out), A (in, r), B (r, out), b (out,), rows x (..., in), dy (..., out).

    With `others`, ranks to choose from, another adapter A2 (in, r2), B2 (r2, out) for the same W,
    with α of its own; both fit into W together.
    """
    r = draw.one_of(*ranks)
    r2 = draw.one_of(*others) if others else 0
    n_in = draw.whole(max(2, r + r2), 5)
    n_out = n_in if draw.one_of(True, False) else draw.whole(max(2, r + r2), 5)
    alpha = draw.one_of(*(a for a in (3.0, 0.5, 7.0) if a != r))
    axes = [draw.whole(1, 3) for _ in range(draw.whole(1, 2))]
    seed = draw.whole(0, 99)
    shapes = {
        "x": (*axes, n_in), "W": (n_in, n_out), "A": (n_in, r), "B": (r, n_out),
        "dy": (*axes, n_out), "b": (n_out,), "A2": (n_in, r2), "B2": (r2, n_out),
    }  # fmt: skip
    arrays = {name: tenths([seed, i], *shape) for i, (name, shape) in enumerate(shapes.items())}
    return {**arrays, "alpha": alpha, "alpha2": draw.one_of(1.5, 5.0), "rank": r, "seed": seed}


def wide_layer(draw):
    """A layer of rank 2 or 3, where √r is not r."""
    return layer(draw, ranks=(2, 3))


def alike(draw):
    """A layer with two adapters of one rank."""
    return layer(draw, ranks=(2,), others=(2,))


def unlike(draw):
    """A layer with two adapters of different ranks."""
    return layer(draw, ranks=(1, 3), others=(2,))


def attention(draw):
    """Q, K and V side by side: W (in, q + k + v), the parts' sizes, which of them have LoRA.

    Grouped queries have fewer keys and values than queries; A and B are {part: array}.
    """
    head, kv, groups = draw.whole(1, 2), draw.whole(1, 2), draw.whole(1, 3)
    sizes = {"q": head * kv * groups, "k": head * kv, "v": head * kv}
    enabled = draw.one_of("qv", "q", "k", "v", "qk", "kv", "qkv")
    r, n_in, seed = draw.whole(1, 2), draw.whole(2, 4), draw.whole(0, 99)
    factors = {}
    for i, part in enumerate(enabled):
        factors[f"A_{part}"] = tenths([seed, 10 + i], n_in, r)
        factors[f"B_{part}"] = tenths([seed, 20 + i], r, sizes[part])
    return {
        "x": tenths([seed, 1], draw.whole(1, 2), draw.whole(1, 3), n_in),
        "W": tenths([seed, 2], n_in, sum(sizes.values())),
        "sizes": sizes, "enabled": enabled, "factors": factors, "rank": r,
        "alpha": draw.one_of(*(a for a in (3.0, 0.5) if a != r))
    }  # fmt: skip


def weights(draw):
    """An array to quantize: w (n,) or (rows, columns), in blocks that may end ragged."""
    block = draw.one_of(64, 128)
    whole, rest = draw.whole(1, 3), draw.one_of(0, 1, 2, 33)
    seed = draw.whole(0, 99)
    w = np.random.default_rng([seed, 1]).standard_normal(whole * block + rest).round(2)
    return {"w": w, "block": block, "whole": whole, "seed": seed}


def rows(draw):
    """Logits (B, T, K), a teacher's, targets (B, T), weights (B, T) of which some are 0."""
    B, T, K, seed = draw.whole(2, 4), draw.whole(2, 3), draw.whole(2, 4), draw.whole(0, 99)
    rng = np.random.default_rng([seed, 3])
    counts = (rng.random((B, T)) < 0.6).astype(float)
    counts[0], counts[1:, 0] = 1, 1  # the first row has all of its targets, others fewer
    counts[1:, -1] = 0
    return {
        "logits": tenths([seed, 1], B, T, K), "teacher": tenths([seed, 2], B, T, K),
        "targets": rng.integers(0, K, (B, T)), "counts": counts,
        "temperature": draw.one_of(2.0, 3.0, 0.5),
    }  # fmt: skip


def pairs(draw):
    """Log-probabilities (n,) of chosen and rejected texts, of policy and reference; β."""
    n, seed = draw.whole(1, 3), draw.whole(0, 99)
    names = ("chosen", "rejected", "ref_chosen", "ref_rejected")
    logps = {name: -0.5 - np.abs(tenths([seed, i], n)) for i, name in enumerate(names)}
    return {**logps, "beta": draw.one_of(0.3, 0.1, 2.0)}


def samples(draw):
    """Log-probabilities (n,) now and when sampled, advantages (n,); ratios on both sides of ε."""
    n, seed = draw.whole(1, 4), draw.whole(0, 99)
    rng = np.random.default_rng([seed, 5])
    logp = -0.8 - np.abs(tenths([seed, 1], n))  # so that the old one is below 0 as well
    moved = rng.choice([-0.7, -0.4, -0.1, 0.0, 0.1, 0.4, 0.7], n)
    return {
        "logp": logp, "old_logp": logp - moved, "advantages": tenths([seed, 2], n),
        "clip": draw.one_of(0.2, 0.3),
    }  # fmt: skip


def plain(value):
    """An array or number on one short line."""
    if isinstance(value, dict):
        return ", ".join(f"{name}: {plain(part)}" for name, part in value.items())
    if isinstance(value, str | list | tuple):  # a list may have rows of any lengths
        return str(value)[:160]
    if np.ndim(value) == 0 and np.asarray(value).dtype.kind == "f":
        return f"{float(value):.6g}"
    text = np.array2string(np.asarray(value), precision=4, suppress_small=True, threshold=24)
    text = " ".join(text.split())
    return text if len(text) <= 160 else text[:150] + " ..."


def shown(drawn):
    """One line for each drawn input: name, shape, numbers."""
    for name, value in drawn.items():
        if isinstance(value, np.ndarray):
            yield f"{name} {value.shape} = {plain(value)}"
        else:
            yield f"{name} = {plain(value)}"
