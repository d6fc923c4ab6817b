"""One builder for each linear-like module: `build(case)` for the laws, away from its start.

A new kind of layer joins the contract by one entry in BUILDERS (and in STARTS if it is the
identity on its base at initialisation).
"""

import numpy as np

from lora_np.methods import DoRALinear, LoRALinear
from lora_np.methods.low_rank.lora_init import loftq, pissa
from lora_np.methods.product.ia3 import ScaledInput, ScaledOutput
from lora_np.nn import Linear
from lora_np.quant import NF4Linear


def linear(case):
    return Linear(
        case.array(case.n_in, case.n_out, salt=10),
        case.array(case.n_out, salt=11) if case.bias else None,
    )


def frozen_linear(case):
    return linear(case).freeze()


def lora_start(case):
    return LoRALinear(linear(case), case.rank, case.alpha, case.rng())


def rslora_start(case):
    return LoRALinear(linear(case), case.rank, case.alpha, case.rng(), rslora=True)


def scaled_output_start(case):
    return ScaledOutput(linear(case))


def scaled_input_start(case):
    return ScaledInput(linear(case))


def dora_start(case):
    return DoRALinear(linear(case), case.rank, case.alpha, case.rng())


def moved(start):
    """The same layer with every trainable number moved away from where it starts."""

    def build(case):
        layer = start(case)
        for salt, parameter in enumerate(layer.trainable_parameters(), start=20):
            parameter.data += case.array(*parameter.shape, salt=salt)
        return layer

    build.__name__ = start.__name__.removesuffix("_start")
    return build


def lora_over_lora(case):
    """A wrapper over a wrapper: names, gradients and merging must pass through both."""
    inner = moved(lora_start)(case)
    outer = LoRALinear(inner, case.rank, -case.alpha, case.rng())
    outer.B.data += case.array(*outer.B.shape, salt=30)
    return outer


def nf4(case):
    """Blocks of 5: shorter than a row or across two, and the last one ragged."""
    return NF4Linear.from_linear(linear(case), block_size=5)


def lora_over_nf4(case):
    layer = LoRALinear(NF4Linear.from_linear(linear(case)), case.rank, case.alpha, case.rng())
    layer.B.data += case.array(*layer.B.shape, salt=31)
    return layer


def dora_over_nf4(case):
    """No weight so small that all of a unit's could round to zero, which has no direction."""
    base = linear(case)
    base.weight.data += np.sign(base.weight.data)
    layer = DoRALinear(NF4Linear.from_linear(base), case.rank, case.alpha, case.rng())
    layer.B.data += case.array(*layer.B.shape, salt=32)
    layer.m.data += case.array(*layer.m.shape, salt=33)
    return layer


def pissa_start(case):
    return LoRALinear(linear(case), case.rank, case.alpha, case.rng(), init=pissa)


def loftq_start(case):
    return LoRALinear(linear(case), case.rank, case.alpha, case.rng(), init=loftq)


def scaled_both_ways(case):
    """One rescaling over another, over LoRA."""
    layer = ScaledInput(ScaledOutput(moved(lora_start)(case)))
    for salt, scale in enumerate((layer.l, layer.base.l), start=34):
        scale.data += case.array(*scale.shape, salt=salt)
    return layer


STARTS = [lora_start, rslora_start, dora_start, scaled_output_start, scaled_input_start]
BUILDERS = [
    linear,
    frozen_linear,
    *map(moved, STARTS),
    lora_over_lora,
    nf4,
    lora_over_nf4,
    moved(pissa_start),
    moved(loftq_start),
    dora_over_nf4,
    scaled_both_ways,
]
