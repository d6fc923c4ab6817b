"""RandLoRA: `RANDLORA`. As with VeRA, A and B are always in the file: and, as PEFT writes it, once
more for each layer."""

from ...methods import RandLoRA
from ...methods.shared_random.randlora import RandLoRALinear
from .layer_form import LAYERS, LayerForm


def small(layer):
    return layer.A.data[:, None]  # (r, 1, small)


def large(layer):
    B = layer.B.data
    return B.reshape(len(B), -1, len(layer.A.data))  # (large, n, r)


FORM = LayerForm(
    RandLoRA,
    RandLoRALinear,
    "RANDLORA",
    {"r": "rank", "randlora_alpha": "alpha"},
    {
        "randlora_lambda": lambda layer: layer.L.data,
        "randlora_gamma": lambda layer: layer.G.data,
        "randlora_A": small,
        "randlora_B": large,
        "base_model.randlora_A": small,
        "base_model.randlora_B": large,
    },
    fixed={"save_projection": True, "fan_in_fan_out": True},
    sizes={"r": (".randlora_A", 0)},
    IGNORES=("init_weights", "projection_prng_key", "sparse", "very_sparse", *LAYERS),
)
