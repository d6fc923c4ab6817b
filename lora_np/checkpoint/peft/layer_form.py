"""The form of a method that wraps layers: its settings by PEFT's names, and its tensors.

A method has one as a row of `layer_forms.py`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter

from ...methods.targets import layers_of
from .names import WHOLE, check_size
from .targets import as_listed, named

LAYERS = "layers_pattern", "layers_to_transform", "exclude_modules"  # read by `named`
ADVICE = {
    "save_projection": ". Its random matrices come from torch's generator, which NumPy cannot "
    "draw: in PEFT, make the adapter with the same projection_prng_key and save_projection=True, "
    "load this file's tensors into it with load_state_dict(strict=False), and save it again",
    "coft": ". Its forward pass shortens what was learnt, where it is longer than eps allows: in "
    "PEFT, run it once, set coft to False in the adapter's config, and save it again",
}


@dataclass(frozen=True, eq=False)
class LayerForm:
    """`settings` {PEFT's name: the method's field}; `tensors` {the end of PEFT's name: what of a
    layer it is}, an attribute's dotted name or a function, of a view in PEFT's orientation, or
    None. One that all layers share has a name that starts with WHOLE.

    `fixed` are settings that this library has no other value for, `ignores` those that change
    nothing, beside the ones that every form has; `sizes` {PEFT's setting: (the
    end of a tensor's name, its axis of that length)} are checked before a layer of them is made,
    and `check(model)` raises ValueError for whole numbers that cannot be.
    """

    method: type
    settings: dict[str, str]
    tensors: dict[str, str | Callable]
    fixed: dict = field(default_factory=dict)
    sizes: dict[str, tuple[str, int]] = field(default_factory=dict)
    check: Callable = lambda model: None
    ignores: tuple[str, ...] = ()

    peft_type = property(lambda self: self.method.__name__.upper())
    IGNORES = property(lambda self: ("init_weights", *LAYERS, *self.ignores))

    def config(self, method):
        own = {theirs: getattr(method, ours) for theirs, ours in self.settings.items()}
        kept = {"peft_type": self.peft_type, "target_modules": as_listed(method.targets)}
        return kept | own | self.fixed

    def method_from(self, config, shapes, model):
        if config["peft_type"] != self.peft_type:
            return None
        for setting, value in self.fixed.items():
            if setting != "fan_in_fan_out" and config.get(setting, value) != value:
                got = f"expected {setting} {value!r}, got {config[setting]!r}"
                raise ValueError(f"{self.peft_type}: {got}{ADVICE.get(setting, '')}")
        for setting, (end, axis) in self.sizes.items():
            check_size(setting, config.get(setting), shapes, end, axis)
        own = next(f".{end}" for end in self.tensors if not end.startswith(WHOLE))
        given = {ours: config[name] for name, ours in self.settings.items() if name in config}
        return self.method(**given, targets=named(config, shapes, model, (own,)))

    def arrays(self, model):
        result = {}
        for name, layer in layers_of(model, self.method.layer):
            for end, what in self.tensors.items():
                array = (attrgetter(what) if isinstance(what, str) else what)(layer)
                if array is not None:
                    result[end if end.startswith(WHOLE) else f"{name}.{end}"] = array
        return result
