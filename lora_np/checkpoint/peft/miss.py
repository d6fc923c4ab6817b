"""MiSS: `MISS`, as it is by default: "bat" and "mini" are other forms of ΔW."""

from ...methods import MiSS
from ...methods.low_rank.miss import MiSSLinear
from .layer_form import LayerForm

FORM = LayerForm(
    MiSS,
    MiSSLinear,
    "MISS",
    {"r": "rank"},
    {"miss_block": lambda layer: layer.D.data},
    fixed={"init_weights": True},
    sizes={"r": (".miss_block", 0)},
    IGNORES=("mini_r", "layers_to_transform", "layers_pattern", "exclude_modules"),
)
