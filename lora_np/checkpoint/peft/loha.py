"""LoHa: `LOHA`. PEFT has it for nn.Linear alone, and so not for a GPT-2."""

from ...methods import LoHa
from ...methods.product.loha import LoHaLinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    LoHa,
    LoHaLinear,
    "LOHA",
    {"r": "rank", "alpha": "alpha"},
    {
        "hada_w1_a": lambda layer: layer.B1.data.T,
        "hada_w1_b": lambda layer: layer.A1.data.T,
        "hada_w2_a": lambda layer: layer.B2.data.T,
        "hada_w2_b": lambda layer: layer.A2.data.T,
    },
    sizes={"r": (".hada_w1_b", 0)},
    IGNORES=("init_weights", *LAYERS),
)
