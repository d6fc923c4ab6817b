"""HiRA: `HIRA`."""

from ...methods import HiRA
from ...methods.product.hira import HiRALinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    HiRA,
    HiRALinear,
    "HIRA",
    {"r": "rank"},
    {"hira_A": lambda layer: layer.A.data.T, "hira_B": lambda layer: layer.B.data.T},
    fixed={"fan_in_fan_out": True},
    sizes={"r": (".hira_A", 0)},
    IGNORES=("init_weights", *LAYERS),
)
