"""The shipped base in every format of few bits: rounded, measured, with outliers, and mended.

What a rounding costs is measured on held-out prose, which the base has read much like: its loss in
nats a byte beside the float base's, and KL(float ‖ rounded). A seed draws the calibration text, and
has held-out windows of its own.
"""

import functools
from dataclasses import dataclass

import numpy as np

from ...checkpoint import load_base
from ...methods import LoRA, round_base
from ...nn.functional import log_softmax
from ...objectives import Distillation, cross_entropy
from ...quant import FORMATS, NF4
from ...quant.awq import awq
from ...quant.calibrate import calibrate
from ...quant.e2m1 import FP4
from ...quant.gptq import gptq
from ...quant.hqq import hqq
from ...quant.int4 import INT4, INT4Zero
from ...system.platform import cpu_seconds
from ...tasks import taught, text
from ...train.loop import warmup_cosine
from .common import fit
from .protocol import TUNING_SEEDS
from .real_text import compare_batch

IN_BLOCKS = {"NF4": NF4, "INT4": INT4}
SIZES = (32, 64, 128)
FORMS = {f"{name} / {n}": kind(n) for name, kind in IN_BLOCKS.items() for n in SIZES}
FORMS |= {"INT4, zero point / 64": INT4Zero(64), "FP4 E2M1 / 32": FP4(32)}
FORMS |= {
    name: FORMATS[name] for name in ("FP4 (bitsandbytes)", "MXFP4", "NVFP4", "Q4_0", "Q4_1", "Q4_K")
}
FLOAT, NEAREST, ROUNDINGS = "float", "nearest", ("nearest", "GPTQ", "AWQ", "HQQ")
WITH_OUTLIERS = ("NF4 / 32", "MXFP4", "NVFP4")
CHANNELS, FACTOR = (5, 77), 16  # which inputs of a block's first layers are made large, and by what
CALIBRATION = 4  # batches of 8 windows of 128 bytes
PARTS = 6  # of the held-out windows: one a seed in turn, and the last to tune on


@functools.lru_cache(1)
def base():
    return load_base()


@functools.lru_cache(1)
def with_outliers():
    """The same function as the base with other weights: LayerNorm hands on two of its numbers a
    sixteenth as large, and the layer behind it takes them times sixteen."""
    model = base().view()
    for block in model.h:
        for norm, layer in ((block.ln_1, block.attn.c_attn), (block.ln_2, block.mlp.c_fc)):
            for part in (norm.weight, norm.bias):
                part.data = part.data.copy()
                part.data[list(CHANNELS)] /= FACTOR
            layer.weight.data = layer.weight.data.copy()
            layer.weight.data[list(CHANNELS)] *= FACTOR
    return model


@functools.lru_cache(2)
def inputs_of(outliers, seed):
    """{layer: what it read} on the seed's calibration text."""
    batches = text.prose().batches(np.random.default_rng([seed, 7]), batch_size=8, length=128)
    model = with_outliers() if outliers else base()
    return calibrate(model, [batch for batch, _ in zip(batches, range(CALIBRATION))])


def rounded(form, how, seed, outliers=False):
    """The base in that form, by that way of rounding; a view."""
    form, model = FORMS[form], with_outliers() if outliers else base()
    inputs = inputs_of(outliers, seed) if how in ("GPTQ", "AWQ") else None
    return round_base(model, functools.partial(in_form, form, how, inputs))


def in_form(form, how, inputs, name, Wt):
    """Wᵀ of that layer in that format, by that way of rounding."""
    if how == NEAREST:
        return form.quantize(Wt)
    if how == "HQQ":
        return hqq(Wt, form, iterations=8)
    if how == "GPTQ":
        return gptq(Wt, inputs[name].hessian, form)
    return awq(Wt, inputs[name], form, steps=5)


@functools.lru_cache(PARTS)
def part(seed, windows):
    """(a batch of held-out prose, the float base's log p there) of the seed."""
    batches = list(text.prose().held_out_batches(windows * PARTS, windows, length=128))
    last = seed in TUNING_SEEDS
    batch = batches[-1 if last else seed % (PARTS - 1)]
    return batch, log_softmax(base()(batch.tokens))


def cost(model, seed, windows):
    """{"loss": how far it lies above the float base's, "kl": KL(float ‖ model)}, nats a byte."""
    batch, before = part(seed, windows)
    base_loss, loss, kl = compare_batch(model, batch, before)
    return {"loss": float((loss - base_loss).mean()), "kl": float(kl.mean())}


def fits(form, how, least=128):
    """GPTQ needs whole blocks in a row, and the base's rows have 128 and 512 numbers."""
    return how != "GPTQ" or least % FORMS[form].block_size == 0


def roundings(cell):
    """{"plain" or "outliers": {form: {way of rounding: its cost, and CPU seconds}}} of one seed."""
    seed, found = cell["seed"], {"plain": {}, "outliers": {}}
    forms = list(FORMS)[:: 5 if cell["quick"] else 1]
    for kind, names in zip(found, (forms, WITH_OUTLIERS[:1] if cell["quick"] else WITH_OUTLIERS)):
        inputs_of(kind == "outliers", seed)  # outside the time of whatever asks first
        for form in names:
            found[kind][form] = {}
            for how in filter(functools.partial(fits, form), ROUNDINGS):
                start = cpu_seconds()
                model = rounded(form, how, seed, kind == "outliers")
                seconds = round(cpu_seconds() - start, 3)
                found[kind][form][how] = cost(model, seed, cell["windows"]) | {"seconds": seconds}
    return found


def weight_bytes(form):
    """What the base's linear layers hold in that form."""
    sizes = [layer.effective_weight().size for _, layer in base().linears()]
    return sum(4 * size if form == FLOAT else FORMS[form].nbytes(size) for size in sizes)


@dataclass(frozen=True)
class OnRounded:
    """LoRA on every layer of the base in that form: QLoRA over any format. For `real_text.Way`."""

    form: str
    how: str = NEAREST
    seed: int = 0  # of the calibration text

    def apply(self, model, rng):
        if self.form != FLOAT:
            model = rounded(self.form, self.how, self.seed)
        return LoRA(8, 16.0, "all-linear").apply(model, rng)


def mend(way, by_teacher, cell):
    """LoRA beside the rounded base reads prose, and learns from its bytes or from the float base.

    The latter is quantization-aware distillation, QAD. `way` is an OnRounded. Returns the model.
    """
    steps, rng = cell["mending"], np.random.default_rng([cell["seed"], 3])
    model = way.apply(base(), rng)
    batches = text.prose().batches(rng, cell["batch"], cell["length"])
    if by_teacher:
        batches = (taught(model, base(), batch) for batch in batches)
    objective = Distillation(1.0) if by_teacher else cross_entropy
    schedule = warmup_cosine(steps, warmup=steps // 16)
    fit(model, batches, objective, cell["lr"], steps=steps, schedule=schedule, clip=1.0)
    return model
