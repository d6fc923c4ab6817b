"""QLoRA: LoRA beside a base in 4 bits (Dettmers et al. 2023, arXiv 2305.14314, §3, eq. 5)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...nn.linear import Linear
from ...nn.module import Module
from ...quant.format import Format
from ...quant.int8 import Int8Embedding, Int8Head, quantize_table
from ...quant.nf4 import NF4
from ...quant.quantized_linear import holding
from .lora import LoRA


@dataclass(frozen=True)
class QLoRA(LoRA):
    """LoRA on `targets`, and the weight of every linear layer of the blocks in NF4, or in `format`.

    The base is rounded after the factors start, so that an init sees the weights as they were:
    `pissa` then rounds only what its factors leave. What is in few bits already stays as it is, so
    LoRA on what `round_base` made is QLoRA too, and `loftq` brings its own settings:
    `functools.partial(loftq, block_size=32)`.
    `int8_embeddings` are for a large vocabulary and few layers: they weigh more than all the rest.
    """

    block_size: int = 64
    double_quant: bool = False
    int8_embeddings: bool = False
    format: Format | None = None

    name = "qlora"

    def __post_init__(self):
        super().__post_init__()
        format_of(self.block_size, self.double_quant, self.format)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        settings = self.block_size, self.double_quant, self.int8_embeddings, self.format
        return quantize_base(super().apply(model, rng), *settings)


def quantize_base(
    model: Module, block_size: int = 64, double_quant: bool = False, int8_embeddings: bool = False,
    format: Format | None = None,
) -> Module:  # fmt: skip
    """A view of `model` whose linear layers, or what their wrappers stand on, are in NF4 or in
    `format`; with `int8_embeddings`, the token table and a head that does not learn are in 8 bits.

    An adapter that QLoRA trained belongs on this: `load_adapter(quantize_base(base), directory)`.
    """
    chosen = format_of(block_size, double_quant, format)
    view = round_base(model, lambda name, Wt: chosen.quantize(Wt))
    if int8_embeddings:
        quantize_embeddings(view, bool(model.methods))
    return view


def format_of(block_size, double_quant, format):
    """The format that the settings mean: NF4 with the first two, unless there is another."""
    nf4 = NF4(block_size, double_quant)
    if format is None:
        return nf4
    if not isinstance(format, Format):
        raise ValueError(f"QLoRA: expected a Format, as in lora_np.quant.FORMATS, got {format!r}")
    if nf4 != NF4():
        raise ValueError(
            f"QLoRA: block_size and double_quant are NF4's, and the format is {format}"
        )
    return format


def round_base(model: Module, rounding: Callable[[str, np.ndarray], Any]) -> Module:
    """A view of `model` whose linear layers, or what their wrappers stand on, hold
    rounding(name, Wᵀ), a tensor in few bits: a format's, GPTQ's, AWQ's or HQQ's."""
    view = model.view()
    for name, layer in view.linears():
        linear = layer.unwrapped()
        if isinstance(linear, Linear):
            if linear.weight.trainable and model.methods:
                raise ValueError(f"QLoRA: {name} learns, and a weight in 4 bits cannot")
            rounded = holding(rounding(name, linear.weight.data.T), linear)
            rounded.bias = linear.bias  # one that learnt before still does
            view.replace(name, layer.rebase(rounded))
    return view


def quantize_embeddings(view, methods_chose):
    """Put the token table, and a head that does not learn, in 8 bits; what is tied shares them."""
    wte, head = view.wte.unwrapped(), view.lm_head.unwrapped()
    if isinstance(wte, Int8Embedding):
        return
    if methods_chose and wte.weight.trainable:
        raise ValueError("QLoRA: the token table learns, and numbers in 8 bits cannot")
    table = quantize_table(wte.weight.data)
    view.wte = view.wte.rebase(Int8Embedding(table, wte.dtype))
    if head.weight is wte.weight:
        view.lm_head = view.lm_head.rebase(Int8Head(table))
    elif not (methods_chose and head.weight.trainable):
        view.lm_head = view.lm_head.rebase(Int8Head(quantize_table(head.weight.data)))
