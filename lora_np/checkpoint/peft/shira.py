"""SHiRA: `SHIRA`. The file holds the places too, so that it need not say how they were drawn."""

from ...methods import SHiRA
from ...methods.sparse_and_spectral.shira import SHiRALinear
from ...methods.targets import layers_of
from .layer_form import LayerForm


def check(model):
    """Raise ValueError for a place outside its weight."""
    for name, layer in layers_of(model, SHiRALinear):
        places, size = layer.places, (layer.out_features, layer.in_features)
        if places.min() < 0 or (places.max(axis=1) >= size).any():
            expected = f"{name}.shira_indices: expected places in (out, in) = {size}"
            raise ValueError(f"{expected}, got {places.min()} to {places.max(axis=1).tolist()}")


FORM = LayerForm(
    SHiRA,
    SHiRALinear,
    "SHIRA",
    {"r": "rank"},
    {
        "shira_weight": lambda layer: layer.v.data,
        "shira_indices": lambda layer: layer.places,  # (2, n): out, in
    },
    fixed={"fan_in_fan_out": True},
    check=check,
    IGNORES=("init_weights", "mask_type", "random_seed"),
)
