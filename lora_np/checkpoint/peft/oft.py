"""OFT: `OFT`, but not its constrained form, nor with blocks that are shared."""

from ...methods import OFT
from ...methods.orthogonal.oft import OFTLinear
from .layer_form import LayerForm

FORM = LayerForm(
    OFT,
    OFTLinear,
    "OFT",
    {
        "oft_block_size": "block",
        "use_cayley_neumann": "series",
        "num_cayley_neumann_terms": "terms",
    },
    {"oft_R.weight": lambda layer: layer.q.data},
    fixed={"r": 0, "coft": False, "block_share": False, "fan_in_fan_out": True},
    IGNORES=("init_weights", "eps", "layers_to_transform", "layers_pattern", "exclude_modules"),
)
