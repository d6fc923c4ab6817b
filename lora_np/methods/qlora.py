"""QLoRA: LoRA beside a base in 4 bits (Dettmers et al. 2023, arXiv 2305.14314, §3, eq. 5)."""

from dataclasses import dataclass

from ..nn.layers import Linear
from ..quant.linear import NF4Linear
from ..quant.nf4 import check_block_size
from .common import linear_slots
from .lora import LoRA


@dataclass(frozen=True)
class QLoRA(LoRA):
    """LoRA on `targets`, and the weight of every linear layer of the blocks in NF4.

    The factors start first and the base is rounded after, so that an init sees the weights as
    they were: `pissa` then rounds only what its factors leave, and `loftq` fits the rounding
    error. A layer that is in NF4 already stays as it is, so `loftq` brings its own settings:
    `functools.partial(loftq, block_size=32)`.
    Raises: as LoRA; ValueError for a block size that is not a whole number from 1, or a weight
    that learns.
    """

    block_size: int = 64
    double_quant: bool = False

    def __post_init__(self):
        super().__post_init__()
        check_block_size(self.block_size)

    def apply(self, model, rng):
        """A view of `model`, its linear layers in 4 bits; `model` itself is untouched."""
        return quantize_base(super().apply(model, rng), self.block_size, self.double_quant)


def quantize_base(model, block_size=64, double_quant=False):
    """A view of `model` whose linear layers, or what their wrappers stand on, are in NF4.

    An adapter that QLoRA trained belongs on this: `load_adapter(quantize_base(base), directory)`.
    Raises: ValueError for a block size below 1, or a weight that a method trains.
    """
    view = model.view()
    for name, container, key in linear_slots(view):
        while "base" in vars(container[key]):  # down to what every wrapper stands on
            container, key = vars(container[key]), "base"
        linear = container[key]
        if isinstance(linear, Linear):
            if linear.weight.trainable and model.methods:
                raise ValueError(f"QLoRA: {name} learns, and a weight in 4 bits cannot")
            container[key] = NF4Linear.from_linear(linear, block_size, double_quant)
            container[key].bias = linear.bias  # one that learnt before still does
    return view
