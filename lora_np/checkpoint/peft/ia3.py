"""IA3: `IA3`. Its feed-forward targets are in both of PEFT's lists."""

from ...methods import IA3
from ...methods.ia3 import ScaledInput, ScaledOutput
from ...methods.targets import layers_of


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
    targets = config.get("target_modules") or ["c_attn", "mlp.c_proj"]  # PEFT's for a GPT-2
    before = config.get("feedforward_modules")
    before = ["mlp.c_proj"] if before is None else before
    if not (isinstance(targets, list) and isinstance(before, list)):  # patterns
        ours = {name.removesuffix(".ia3_l"): shape for name, shape in shapes.items()}
        before = [name for name, shape in ours.items() if shape[0] == 1]
        targets = list(ours)
    if not all(isinstance(name, str) for name in targets + before):
        raise ValueError(f"expected names of layers, got {targets!r} and {before!r}")
    behind = tuple(target for target in targets if target not in before)
    return IA3(behind, tuple(before))


def arrays(model):
    """The scales: (out, 1) behind a layer, (1, in) before one."""
    behind, before = (layers_of(model, kind) for kind in (ScaledOutput, ScaledInput))
    result = {f"{name}.ia3_l": layer.l.data[:, None] for name, layer in behind}
    return result | {f"{name}.ia3_l": layer.l.data[None, :] for name, layer in before}
