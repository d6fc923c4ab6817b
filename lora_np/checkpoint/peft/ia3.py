"""IA3: `IA3`. Its feed-forward targets are in both of PEFT's lists."""

from ...methods import IA3
from ...methods.product.ia3 import ScaledInput, ScaledOutput
from ...methods.targets import layers_of
from .names import DEFAULT_IA3, body_prefix
from .targets import there


def config(method):
    behind, before = (
        [targets] if isinstance(targets, str) else list(targets)
        for targets in (method.targets, method.feedforward)
    )
    return {
        "peft_type": "IA3", "target_modules": behind + before, "feedforward_modules": before,
        "fan_in_fan_out": True, "init_ia3_weights": True,  # as in lora.py
    }  # fmt: skip


def method_from(config, shapes, model):
    """Where the lists are patterns, what is scaled shows in the shapes of the file's tensors."""
    if config["peft_type"] != "IA3":
        return None
    targets, before = config.get("target_modules"), config.get("feedforward_modules")
    targets = targets or list(DEFAULT_IA3[type(model.config)])
    before = list(DEFAULT_IA3[type(model.config)][-1:]) if before is None else before
    if not (isinstance(targets, list) and isinstance(before, list)):  # patterns
        ours = {name.removesuffix(".ia3_l"): shape for name, shape in shapes.items()}
        before = [name for name, shape in ours.items() if shape[0] == 1]
        targets = list(ours)
    both = there([*targets, *before], model)
    before = {name.removeprefix(body_prefix(model)) for name in before}
    behind = tuple(target for target in both if target not in before)
    return IA3(behind, tuple(target for target in both if target in before))


def arrays(model):
    """The scales: (out, 1) behind a layer, (1, in) before one."""
    behind, before = (layers_of(model, kind) for kind in (ScaledOutput, ScaledInput))
    result = {f"{name}.ia3_l": layer.l.data[:, None] for name, layer in behind}
    return result | {f"{name}.ia3_l": layer.l.data[None, :] for name, layer in before}
