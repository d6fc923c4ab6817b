"""BOFT: `BOFT`. Where PEFT has no CUDA extension it makes one factor, whatever its file says."""

from ...methods import BOFT
from ...methods.orthogonal.boft import BOFTLinear
from .layer_form import LayerForm

FORM = LayerForm(
    BOFT,
    BOFTLinear,
    "BOFT",
    {"boft_block_size": "block", "boft_n_butterfly_factor": "factors"},
    {
        "boft_R": lambda layer: layer.F.data,
        "boft_s": lambda layer: layer.s.data[:, None],  # (out, 1)
    },
    fixed={"boft_block_num": 0, "fan_in_fan_out": True},
    sizes={"boft_block_size": (".boft_R", 3), "boft_n_butterfly_factor": (".boft_R", 0)},
    IGNORES=("init_weights", "layers_to_transform", "layers_pattern", "exclude_modules"),
)
