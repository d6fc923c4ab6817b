"""GraLoRA: `GRALORA`, whose tensors lie as ours."""

from ...methods import GraLoRA
from ...methods.low_rank.gralora import GraLoRALinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    GraLoRA,
    GraLoRALinear,
    "GRALORA",
    {"r": "rank", "alpha": "alpha", "gralora_k": "blocks"},
    {"gralora_A": lambda layer: layer.A.data, "gralora_B": lambda layer: layer.B.data},
    fixed={"fan_in_fan_out": True},
    sizes={"r": (".gralora_A", 2), "gralora_k": (".gralora_A", 0)},
    IGNORES=("init_weights", *LAYERS),
)
