"""LoRA, rsLoRA and DoRA: `LORA`. QLoRA's file is LoRA's; what it stands on is the base's."""

from ...methods import DoRA, DoRALinear, LoRA, LoRALinear
from ...methods.low_rank.lora_init import both_zero, zero_b
from ...methods.targets import layers_of
from .targets import as_listed, named

IGNORES = """layers_pattern layers_to_transform exclude_modules megatron_core
    qalora_group_size""".split()


def config(method):
    """Raises: ValueError for an init that changed the base: the file holds the factors alone."""
    if method.init not in (zero_b, both_zero):
        raise ValueError(
            f"LoRA: {method.init} changed the base, so its factors mean nothing beside "
            "another; save merge(model) with save_gpt2"
        )
    return {
        "peft_type": "LORA",
        "r": method.rank,
        "lora_alpha": float(method.alpha),  # JSON knows no NumPy scalars
        "target_modules": as_listed(method.targets),
        "lora_dropout": float(method.dropout),
        "use_rslora": method.rslora,
        "use_dora": isinstance(method, DoRA),
        "fan_in_fan_out": True,  # as in GPT-2; save_adapter corrects it for other models
        "init_lora_weights": True,
    }


def method_from(config, shapes, model):
    if config["peft_type"] != "LORA":
        return None
    if config.get("init_lora_weights", True) not in (True, False, "gaussian", "orthogonal"):
        raise ValueError(
            f"init_lora_weights {config['init_lora_weights']!r} changes the base, which a "
            "file of factors does not hold"
        )
    return (DoRA if config.get("use_dora") else LoRA)(
        rank=config.get("r", 8),
        alpha=config.get("lora_alpha", 8),
        targets=named(config, shapes, model, ".lora_A.weight"),
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
