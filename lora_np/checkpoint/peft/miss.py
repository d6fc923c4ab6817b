"""MiSS: `MISS`, but not "bat", which multiplies W too."""

from ...methods import MiSS
from ...methods.low_rank.miss import MiSSLinear
from .layer_form import LayerForm


class MiSSForm(LayerForm):
    """PEFT says by `init_weights` which form of ΔW it is, and has a `mini_r` in each."""

    def config(self, method):
        kind = True if method.mini is None else "mini"
        return super().config(method) | {"init_weights": kind, "mini_r": method.mini or 1}

    def method_from(self, config, shapes, model):
        kind = config.get("init_weights", True)
        if config["peft_type"] == self.peft_type and kind not in (True, "mini"):
            got = f"expected init_weights True or 'mini', got {kind!r}"
            raise ValueError(f"MISS: {got}, another form of ΔW")
        mini = config.get("mini_r", 1) if kind == "mini" else None
        return super().method_from(config | {"mini_r": mini}, shapes, model)


FORM = MiSSForm(
    MiSS,
    MiSSLinear,
    "MISS",
    {"r": "rank", "mini_r": "mini"},
    {"miss_block": lambda layer: layer.D.data},
    sizes={"r": (".miss_block", 0)},
    IGNORES=("layers_to_transform", "layers_pattern", "exclude_modules"),
)
