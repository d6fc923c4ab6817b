"""Every method of the one list, small enough for a model six wide."""

from dataclasses import replace

from lora_np.methods import METHODS

SIZES = {
    "rank": 2, "alpha": 3.0, "width": 3, "length": 2, "block": 2, "group": 4, "numbers": 3,
}  # fmt: skip


def small(method, **settings):
    """The method with small SIZES and these `settings`, of those that it has."""
    settings = SIZES | settings
    return replace(method, **{key: settings[key] for key in settings.keys() & vars(method).keys()})


SMALL = [small(method) for method in METHODS]
