"""FourierFT: `FOURIERFT`. The file holds the seed of its places, which are drawn as torch does."""

from ...methods import FourierFT
from ...methods.sparse_and_spectral.fourier_ft import FourierFTLinear
from .layer_form import LayerForm

FORM = LayerForm(
    FourierFT,
    FourierFTLinear,
    "FOURIERFT",
    {"n_frequency": "numbers", "scaling": "scale", "random_loc_seed": "seed"},
    {"fourierft_spectrum": lambda layer: layer.c.data},
    fixed={"fan_in_fan_out": True},
    sizes={"n_frequency": (".fourierft_spectrum", 0)},
    IGNORES=("init_weights", "layers_to_transform", "layers_pattern", "exclude_modules"),
)
