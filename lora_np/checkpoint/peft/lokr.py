"""LoKr: `LOKR`. PEFT has it for nn.Linear alone, and so not for a GPT-2.

Which tensors a layer has, D or A and B, follows from its sizes.
"""

from ...methods import LoKr
from ...methods.product.lokr import LoKrLinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    LoKr,
    LoKrLinear,
    "LOKR",
    {"r": "rank", "alpha": "alpha"},
    {
        "lokr_w1": lambda layer: layer.C.data.T,
        "lokr_w2": lambda layer: None if layer.D is None else layer.D.data.T,
        "lokr_w2_a": lambda layer: None if layer.B is None else layer.B.data.T,
        "lokr_w2_b": lambda layer: None if layer.A is None else layer.A.data.T,
    },
    fixed={"decompose_factor": -1},
    IGNORES=("init_weights", *LAYERS),
)
