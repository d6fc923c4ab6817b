"""VeRA: `VERA`. PEFT may leave A and B to torch's generator (`save_projection` false), whose
numbers NumPy cannot draw; here they are always in the file."""

from ...methods import VeRA
from ...methods.shared_random.vera import VeRALinear
from .layer_form import LAYERS, LayerForm

FORM = LayerForm(
    VeRA,
    VeRALinear,
    "VERA",
    {"r": "rank", "d_initial": "d_initial"},
    {
        "vera_lambda_b": lambda layer: layer.b.data,
        "vera_lambda_d": lambda layer: layer.d.data,
        "base_model.vera_A": lambda layer: layer.A.data.T,
        "base_model.vera_B": lambda layer: layer.B.data.T,
    },
    fixed={"save_projection": True, "fan_in_fan_out": True},
    sizes={"r": (".vera_A", 0)},
    IGNORES=("init_weights", "projection_prng_key", *LAYERS),
)
