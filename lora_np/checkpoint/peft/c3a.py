"""C3A: `C3A`, with one block size for all layers. PEFT, unless told, starts it off the base."""

from ...methods import C3A
from ...methods.sparse_and_spectral.c3a import C3ALinear
from .layer_form import LayerForm

FORM = LayerForm(
    C3A,
    C3ALinear,
    "C3A",
    {"block_size": "block"},
    {"c3a_kernel": lambda layer: layer.w.data},  # (out/block, in/block, block)
    sizes={"block_size": (".c3a_kernel", 2)},
    IGNORES=("init_weights", "layers_to_transform", "layers_pattern"),
)
