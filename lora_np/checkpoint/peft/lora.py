"""LoRA, rsLoRA and DoRA: `LORA`. QLoRA's file is LoRA's; what it stands on is the base's."""

from ...methods import DoRA, DoRALinear, LoRA, LoRALinear
from ...methods.low_rank.lora_init import both_zero, zero_b
from ...methods.targets import ALL_LINEAR, layers_of
from .names import DEFAULT_TARGETS
from .targets import there

IGNORES = """layers_pattern layers_to_transform exclude_modules megatron_core
    qalora_group_size""".split()


def config(method):
    """Raises: ValueError for an init that changed the base: the file holds the factors alone."""
    if method.init not in (zero_b, both_zero):
        raise ValueError(
            f"LoRA: {method.init} changed the base, so its factors mean nothing beside "
            "another; save merge(model) with save_gpt2"
        )
    one_name = isinstance(method.targets, str) and method.targets != ALL_LINEAR
    targets = method.targets if method.targets == ALL_LINEAR else list(method.targets)
    return {
        "peft_type": "LORA",
        "r": method.rank,
        "lora_alpha": float(method.alpha),  # JSON knows no NumPy scalars
        "target_modules": [method.targets] if one_name else targets,
        "lora_dropout": float(method.dropout),
        "use_rslora": method.rslora,
        "use_dora": isinstance(method, DoRA),
        "fan_in_fan_out": True,  # as in GPT-2; save_adapter corrects it for other models
        "init_lora_weights": True,
    }


def method_from(config, shapes, model):
    """Where `target_modules` is a pattern, or leaves out some layers, the layers are those that
    the file has factors for."""
    if config["peft_type"] != "LORA":
        return None
    if config.get("init_lora_weights", True) not in (True, False, "gaussian", "orthogonal"):
        raise ValueError(
            f"init_lora_weights {config['init_lora_weights']!r} changes the base, which a "
            "file of factors does not hold"
        )
    targets = config.get("target_modules") or list(DEFAULT_TARGETS[type(model.config)])
    pattern = isinstance(targets, str) and targets != ALL_LINEAR
    if pattern or config.get("layers_to_transform") or config.get("exclude_modules"):
        end = ".lora_A.weight"
        targets = [name.removesuffix(end) for name in shapes if name.endswith(end)]
    if targets != ALL_LINEAR:
        targets = there(targets, model)
    return (DoRA if config.get("use_dora") else LoRA)(
        rank=config.get("r", 8),
        alpha=config.get("lora_alpha", 8),
        targets=targets,
        dropout=config.get("lora_dropout", 0.0),
        rslora=bool(config.get("use_rslora")),
    )


def arrays(model):
    """A and B in PEFT's orientation, and DoRA's lengths."""
    result = {}
    for name, layer in layers_of(model, LoRALinear):
        result[f"{name}.lora_A.weight"] = layer.A.data.T  # (r, in)
        result[f"{name}.lora_B.weight"] = layer.B.data.T  # (out, r)
    for name, layer in layers_of(model, DoRALinear):
        result[f"{name}.lora_magnitude_vector"] = layer.m.data  # (out,)
    return result
