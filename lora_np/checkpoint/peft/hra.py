"""HRA: `HRA`, but not its Gram-Schmidt form."""

from ...methods import HRA
from ...methods.orthogonal.hra import HRALinear
from .layer_form import LayerForm

FORM = LayerForm(
    HRA,
    HRALinear,
    "HRA",
    {"r": "rank"},
    {"hra_u": lambda layer: layer.u.data},
    fixed={"apply_GS": False},
    sizes={"r": (".hra_u", 1)},
    IGNORES=("init_weights", "layers_to_transform", "layers_pattern", "exclude_modules"),
)
