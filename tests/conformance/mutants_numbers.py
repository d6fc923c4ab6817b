"""DoRA, NF4 and the objectives, broken in one line each."""

import numpy as np

from conformance.reference import ReferenceDoRA
from lora_np.quant.nf4 import CODEBOOK


class NormAlongTheOtherAxis(ReferenceDoRA):
    law, seen = "lengths_start_as_the_weights_norms", "huggingface/peft#2348"

    def norm(self, V):
        norm = np.sqrt((V * V).sum(axis=1))
        return np.resize(norm, V.shape[1])


class UnitsAreNotTheirLength(ReferenceDoRA):
    """W is divided by its norm, and the branch is not."""

    law, seen = "each_units_weight_is_m_long", "huggingface/peft#1474 NVlabs/DoRA#30"

    def effective(self, layer):
        return layer.W * (layer.m / self.norm(layer.W)) + self.delta(layer)


class DoRAWithoutScale(ReferenceDoRA):
    law, seen = "the_direction_is_that_of_V", "AnswerDotAI/fsdp_qlora#68"

    def delta(self, layer):
        return layer.A @ layer.B


class DoRAScalesTheBias(ReferenceDoRA):
    law, seen = "dora_leaves_the_bias_alone", "ooples/AiDotNet#256 axolotl-ai-cloud/axolotl#3528"

    def forward(self, layer, x):
        c = 1 if layer.merged else layer.m / self.norm(self.V(layer))
        return super().forward(layer, x) + (c - 1) * layer.bias


class DmOfTheScaledOutput(ReferenceDoRA):
    """What was kept for backward had already been multiplied by m/‖V‖."""

    law, seen = "dm_is_the_derivative", "axolotl-ai-cloud/axolotl#3528"

    def gradients(self, layer, x, dy):
        gradients = super().gradients(layer, x, dy)
        return {**gradients, "m": gradients["m"] * layer.m / self.norm(self.V(layer))}


class TheNormIsNotHeld(ReferenceDoRA):
    law, seen = "the_norm_is_held_constant", "huggingface/peft#1474"

    def gradients(self, layer, x, dy):
        s, V = self.scale(layer), self.V(layer)
        norm = self.norm(V)
        rows, drows = x.reshape(-1, x.shape[-1]), dy.reshape(-1, dy.shape[-1])
        dV = rows.T @ (drows * (layer.m / norm))
        dV = dV - V * ((V * dV).sum(axis=0) / norm**2)
        whole = {"A": s * dV @ layer.B.T, "B": s * layer.A.T @ dV}
        return {**super().gradients(layer, x, dy), **whole}


class LengthsDoNotLearn(ReferenceDoRA):
    law, seen = "a_step_moves_every_factor", "meta-pytorch/torchtune#2250"

    def train(self, layer, x, dy, lr):
        before = layer.m
        super().train(layer, x, dy, lr)
        layer.m = before


class Blocks:
    """Blocks quantized with `levels`; the mutants change one of these lines."""

    levels = CODEBOOK

    def quantize(self, w, block):
        flat = w.ravel()
        return w.shape, [self.one(flat[i : i + block]) for i in range(0, len(flat), block)]

    def one(self, w):
        scale = self.scale(w)
        middles = (self.levels[:-1] + self.levels[1:]) / 2
        return scale, np.searchsorted(middles, w / (scale if scale else 1))

    def scale(self, w):
        return np.abs(w).max()

    def dequantize(self, q):
        shape, blocks = q
        return np.concatenate([s * self.levels[codes] for s, codes in blocks]).reshape(shape)

    def nbytes(self, q):
        return sum(4 + len(codes) / 2 for _, codes in q[1])


class ReferenceNF4(Blocks):
    name = "NF4 in NumPy"


class NoZeroLevel(Blocks):
    """The paper's equation 4 has no zero; padding and masks are then no zeros any more."""

    law, seen = "zero_stays_zero", "artidoro/qlora#94"
    levels = np.concatenate([-CODEBOOK[8:][::-1], CODEBOOK[8:]])


class MirroredLevels(NoZeroLevel):
    law = "the_levels_are_nf4s"


class CodesThatCannotBeReached(Blocks):
    """Stale bits of the code before, in a variable that was not cleared."""

    law = "sixteen_levels_are_reached"
    seen = "bitsandbytes-foundation/bitsandbytes#1721"

    def one(self, w):
        scale, codes = super().one(w)
        return scale, codes | 1


class StaleNibbles(Blocks):
    law = "each_number_goes_to_the_nearest_level"
    seen = "bitsandbytes-foundation/bitsandbytes#565 bitsandbytes-foundation/bitsandbytes#1721"

    def one(self, w):
        scale, codes = super().one(w)
        return scale, np.where(np.arange(len(codes)) % 2, codes | np.roll(codes, 1), codes)


class WrongScale(Blocks):
    """The largest, in place of the largest absolute value."""

    law, seen = "the_largest_of_a_block_is_exact", "intel/neural-compressor#1241"

    def scale(self, w):
        return w.max() if w.max() > 0 else np.abs(w).max()


class ScalesOfAnotherGroup(Blocks):
    law, seen = "the_error_is_bounded", "NVIDIA/Model-Optimizer#2421"

    def dequantize(self, q):
        shape, blocks = q
        scales = [scale for scale, _ in blocks]
        moved = [(s, codes) for s, (_, codes) in zip(np.roll(scales, 1), blocks)]
        return super().dequantize((shape, moved))


class OneScaleForAll(Blocks):
    law, seen = "each_block_has_its_own_scale", "NVIDIA/Model-Optimizer#2421"

    def quantize(self, w, block):
        return super().quantize(w, w.size)


class PaddingIsKept(Blocks):
    law, seen = "a_ragged_end_is_a_block", "HomericIntelligence/Odyssey#1909"

    def quantize(self, w, block):
        padded = np.concatenate([w.ravel(), np.zeros(-w.size % block)])
        return super().quantize(padded if -w.size % block else w, block)


class TheEndIsNotInitialised(Blocks):
    """A last block that is not full reads what lies behind it."""

    law = "a_ragged_end_is_a_block"
    seen = "bitsandbytes-foundation/bitsandbytes#1884"

    def quantize(self, w, block):
        shape, blocks = super().quantize(w, block)
        scale, codes = blocks[-1]
        return shape, [*blocks[:-1], (scale * (1 + (len(codes) < block)), codes)]


class ZeroOverZero(Blocks):
    law, seen = "a_block_of_zeros_is_zeros", "THUDM/slime#2256 apple/coremltools#2851"

    def dequantize(self, q):
        shape, blocks = q
        with np.errstate(all="ignore"):
            shares = [np.where(s == 0, np.float64(0) / s, s) for s, _ in blocks]
        return super().dequantize((shape, [(s, c) for s, (_, c) in zip(shares, blocks)]))
