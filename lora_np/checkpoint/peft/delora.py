"""DeLoRA: `DELORA`. PEFT has it for nn.Linear alone, and so not for a GPT-2."""

from ...methods import DeLoRA
from ...methods.low_rank.delora import DeLoRALinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    DeLoRA,
    DeLoRALinear,
    "DELORA",
    {"r": "rank", "delora_lambda": "strength"},
    {
        "delora_A": lambda layer: layer.A.data.T,
        "delora_B": lambda layer: layer.B.data.T,
        "delora_lambda": lambda layer: layer.strength.data,
        "delora_w_norm": lambda layer: layer.w.data,
    },
    sizes={"r": (".delora_A", 0)},
    IGNORES=("init_weights", *LAYERS),
)
