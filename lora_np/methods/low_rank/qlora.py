"""QLoRA: LoRA beside a base in 4 bits (Dettmers et al. 2023, arXiv 2305.14314, §3, eq. 5)."""

from dataclasses import dataclass

import numpy as np

from ...nn.linear import Linear
from ...nn.module import Module
from ...quant.int8 import Int8Embedding, Int8Head, quantize_table
from ...quant.nf4 import check_block_size
from ...quant.nf4_linear import NF4Linear
from .lora import LoRA


@dataclass(frozen=True)
class QLoRA(LoRA):
    """LoRA on `targets`, and the weight of every linear layer of the blocks in NF4.

    The base is rounded after the factors start, so that an init sees the weights as they were:
    `pissa` then rounds only what its factors leave. What is in NF4 already stays as it is, so
    `loftq` brings its own settings: `functools.partial(loftq, block_size=32)`.
    `int8_embeddings` are for a large vocabulary and few layers: they weigh more than all the rest.
    """

    block_size: int = 64
    double_quant: bool = False
    int8_embeddings: bool = False

    name = "qlora"

    def __post_init__(self):
        super().__post_init__()
        check_block_size(self.block_size)

    def apply(self, model: Module, rng: np.random.Generator) -> Module:
        view = super().apply(model, rng)
        return quantize_base(view, self.block_size, self.double_quant, self.int8_embeddings)


def quantize_base(
    model: Module, block_size: int = 64, double_quant: bool = False, int8_embeddings: bool = False
) -> Module:
    """A view of `model` whose linear layers, or what their wrappers stand on, are in NF4; with
    `int8_embeddings`, the token table and a head that does not learn are in 8 bits.

    An adapter that QLoRA trained belongs on this: `load_adapter(quantize_base(base), directory)`.
    """
    view = model.view()
    for name, layer in view.linears():
        linear = layer.unwrapped()
        if isinstance(linear, Linear):
            if linear.weight.trainable and model.methods:
                raise ValueError(f"QLoRA: {name} learns, and a weight in 4 bits cannot")
            in_4_bits = NF4Linear.from_linear(linear, block_size, double_quant)
            in_4_bits.bias = linear.bias  # one that learnt before still does
            view.replace(name, layer.rebase(in_4_bits))
    if int8_embeddings:
        quantize_embeddings(view, bool(model.methods))
    return view


def quantize_embeddings(view, methods_chose):
    """Put the token table, and a head that does not learn, in 8 bits; what is tied shares them."""
    if isinstance(view.wte, Int8Embedding):
        return
    if methods_chose and view.wte.weight.trainable:
        raise ValueError("QLoRA: the token table learns, and numbers in 8 bits cannot")
    head, tied = view.lm_head.weight, view.lm_head.weight is view.wte.weight
    table, dtype = quantize_table(view.wte.weight.data), view.wte.weight.dtype
    view.wte = Int8Embedding(table, dtype)
    if tied:
        view.lm_head = Int8Head(table)
    elif not (methods_chose and head.trainable):
        view.lm_head = Int8Head(quantize_table(head.data))
