"""Lessons 6 and 6b: QLoRA, and other formats of four bits."""

import numpy as np
from hypothesis import strategies as st

from ...methods.low_rank.lora_linear import LoRALinear
from ...nn.linear import Linear
from ...quant.double_quant import BLOCK, double_quantize
from ...quant.quantized_linear import NF4Linear
from .exercise import Exercise
from .inputs import Broken, expect, parts, same
from .laws_formats import EXERCISES as FORMATS

DOUBLE = Exercise("6.1", "Double quantization", "implement", answer="restored", points=3)


@st.composite
def block_maxima(draw):
    """{absmax}: those of a few hundred blocks, all positive, some far larger."""
    n = draw(st.sampled_from([2, 5, BLOCK, BLOCK + 3, 2 * BLOCK]), label="n")
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    spread = draw(st.sampled_from([0.1, 1.0]), label="spread")
    return {"absmax": (2 + spread * rng.standard_normal(n)).clip(0.1).astype(np.float32)}


def restored_error(restored, absmax):
    back = np.asarray(restored(absmax))
    same("the shape of what comes back", np.zeros(back.shape), np.zeros(absmax.shape))
    return np.abs(back - absmax)


@DOUBLE.law("absmax values that are all equal come back exactly", block_maxima())
def equal_ones_are_exact(restored, absmax):
    """What is taken off before the eight bits must be added again: the mean of all."""
    error = restored_error(restored, np.full_like(absmax, absmax[0])).max()
    expect(error < 1e-6, f"they come back wrong by {error:.3g}")


@DOUBLE.law("each 256 absmax values have a nested one of their own", block_maxima())
def blocks_are_apart(restored, absmax):
    """After the mean is off, each 256 neighbours share one largest absolute value; a block that
    spreads little must not suffer from its neighbour. The last block may be short."""
    quiet = (2 + 1e-3 * (absmax - 2)).astype(np.float32)
    loud = np.resize(np.float32([1, 3]), BLOCK)
    got = restored_error(restored, np.concatenate([loud, quiet]))[BLOCK:].max()
    mean = np.concatenate([loud, quiet]).mean()
    allowed = 0.012 * np.abs(quiet - mean).max() + 1e-6
    expect(
        got <= allowed,
        f"the quiet block comes back wrong by {got:.3g}, its own largest allows {allowed:.3g}",
    )


@DOUBLE.law("no absmax is off by more than the map's widest half step", block_maxima())
def error_is_bounded(restored, absmax):
    """Deviations from the mean have both signs: is a sign lost? Is the nearest entry taken?"""
    largest = np.abs(absmax - absmax.mean()).max()
    error = restored_error(restored, absmax).max()
    expect(
        error <= 0.012 * largest + 1e-6,
        f"an absmax is off by {error:.3g}, where the largest "
        f"deviation from the mean is {largest:.3g}",
    )


@DOUBLE.law("the mean error is as small as this package's", block_maxima())
def as_good_as_ours(restored, absmax):
    """DYNAMIC_MAP has its entries close together near 0: look up the nearest, in the whole map."""
    ours = np.abs(double_quantize(absmax).dequantize() - absmax).mean()
    yours = restored_error(restored, absmax).mean()
    expect(yours <= 1.05 * ours + 1e-6, f"your mean error is {yours:.3g}, it can be {ours:.3g}")


MERGE = Exercise("6.2", "Merge trap", "find the bug", answer="merged_weight", points=3)


@st.composite
def layers(draw):
    """{x, W, A, B, alpha}: a layer (in, out) to hold in four bits, and what was trained beside."""
    r = draw(st.integers(1, 3), label="rank")
    n_in, n_out = (draw(st.integers(max(2, r), 6), label=side) for side in ("in", "out"))
    alpha = draw(st.sampled_from([0.5, 3.0, 7.0]).filter(lambda a: a != r), label="alpha")
    rng = np.random.default_rng(draw(st.integers(0, 99), label="seed"))
    shapes = {"x": (3, n_in), "W": (n_in, n_out), "A": (n_in, r), "B": (r, n_out)}
    drawn = {name: rng.standard_normal(shape).round(1) for name, shape in shapes.items()}
    return {**drawn, "alpha": alpha}


def trained(W, A, B, alpha):
    """A LoRALinear on the quantized W, with these factors."""
    layer = LoRALinear(
        NF4Linear.from_linear(Linear(W)), A.shape[1], alpha, np.random.default_rng(0)
    )
    layer.A.data, layer.B.data = A.copy(), B.copy()
    return layer


def dense(merged, W, layer):
    weight = merged(W, layer)
    if not isinstance(weight, np.ndarray):
        raise Broken(f"expected an array (in, out), got {type(weight).__name__}")
    same("the merged weight's shape", np.zeros(weight.shape), np.zeros(W.shape))
    return weight


@MERGE.law("with B = 0 the merged weight is the base as the layer holds it", layers())
def starts_from_the_rounded_base(merged, x, W, A, B, alpha):
    """Which weight did training stand beside: W, or what four bits made of it?
    layer.base.effective_weight() tells."""
    layer = trained(W, A, 0 * B, alpha)
    same("the merged weight", dense(merged, W, layer), layer.base.effective_weight(), 1e-6)


@MERGE.law("x times the merged weight is the layer's output", layers())
def equals_the_layer(merged, x, W, A, B, alpha):
    """The adapter's scale is layer.scale. And rounding the sum to four bits once more would erase
    what is smaller than a step."""
    layer = trained(W, A, B, alpha)
    same("x @ merged", x @ dense(merged, W, layer), layer(x), 1e-6)


MOVED = Exercise("6.3", "Another base", "predict and explain", answer="shift", points=2)


@MOVED.law("the shift is what the layer does on W, minus what it did on the rounded W", layers())
def shift_is_the_rounding(shift, x, W, A, B, alpha):
    """Write down both outputs, x·base + s·(xA)B, and subtract. What is left?"""
    layer = trained(W, A, B, alpha)
    beside_w = LoRALinear(Linear(W), A.shape[1], alpha, np.random.default_rng(0))
    beside_w.A.data, beside_w.B.data = A.copy(), B.copy()
    same("the shift", shift(x, W, layer), beside_w(x) - layer(x), 1e-6)


@MOVED.law("it does not depend on the adapter", layers())
def adapter_cancels(shift, x, W, A, B, alpha):
    """The same A and B stand in both outputs."""
    one, other = trained(W, A, B, alpha), trained(W, A, -B, alpha)
    same("the shift with B's sign turned", shift(x, W, one), shift(x, W, other), 1e-6)


BITS = Exercise("6.4", "Bits of a weight", "predict and explain", answer="bits", points=2)


@BITS.law("stored bits a weight: codes, absmax in 8 bits, and the nested absmax")
def bits_are_counted(bits):
    """64 weights share one absmax of 8 bits; 256 of those share one float32."""
    for number in parts(bits, "plain", "double"):
        if isinstance(number, str) or not np.isfinite(number):
            raise Broken(f"expected two numbers, got {bits}")
    plain, double = bits
    expect(abs(plain - 4.5) < 1e-6, "without double quantization it is another number")
    expect(
        abs(double - (4 + 8 / 64 + 32 / (64 * BLOCK))) < 5e-4,
        "with double quantization it is another number",
    )


EXERCISES = [DOUBLE, MERGE, MOVED, BITS, *FORMATS]
