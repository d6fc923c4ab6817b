"""RoAd: `ROAD`."""

from ...methods import RoAd
from ...methods.orthogonal.road import RoAdLinear
from .layer_form import LayerForm

FORM = LayerForm(
    RoAd,
    RoAdLinear,
    "ROAD",
    {"variant": "variant", "group_size": "group"},
    {"road_theta": lambda layer: layer.theta.data, "road_alpha": lambda layer: layer.alpha.data},
    IGNORES=("init_weights",),
)
