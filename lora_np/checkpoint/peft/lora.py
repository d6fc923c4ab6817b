"""LoRA, rsLoRA and DoRA: `LORA`. QLoRA's file is LoRA's; what it stands on is the base's."""

from ...methods import DoRA, DoRALinear, LoRA, LoRALinear
from ...methods.low_rank.lora_init import both_zero, zero_b
from ...methods.low_rank.lora_tables import LoRAEmbedding, LoRAHead
from ...methods.targets import layers_of
from .names import kept_tied
from .targets import adapted, as_listed, resolved

IGNORES = """layers_pattern layers_to_transform exclude_modules megatron_core
    qalora_group_size eva_config""".split()
STARTS = (True, False, "gaussian", "orthogonal", "eva")  # that leave the base as it was


def config(method):
    """Raises: ValueError for an init that changed the base: the file holds the factors alone."""
    if method.init not in (zero_b, both_zero):
        raise ValueError(
            f"LoRA: {method.init} changed the base, so its factors mean nothing beside "
            "another; save merge(model) with save_gpt2"
        )
    targets = as_listed(method.targets)
    if method.tied and "lm_head" not in targets:
        targets.append("lm_head")  # by which PEFT knows that a table is meant
    alphas = (method.alpha_pattern or {}).items()
    return {
        "peft_type": "LORA",
        "r": method.rank,
        "lora_alpha": float(method.alpha),  # JSON knows no NumPy scalars
        "target_modules": targets,
        "lora_dropout": float(method.dropout),
        "use_rslora": method.rslora,
        "use_dora": isinstance(method, DoRA),
        "fan_in_fan_out": True,  # as in GPT-2; save_adapter corrects it for other models
        "init_lora_weights": True,
        "rank_pattern": dict(method.rank_pattern or {}),
        "alpha_pattern": {name: float(alpha) for name, alpha in alphas},
        "lora_bias": method.bias,
        "ensure_weight_tying": method.tied,
    }


def method_from(config, shapes, model):
    if config["peft_type"] != "LORA":
        return None
    if config.get("init_lora_weights", True) not in STARTS:
        raise ValueError(
            f"init_lora_weights {config['init_lora_weights']!r} changes the base, which a "
            "file of factors does not hold"
        )
    targets, layers = adapted(config, shapes, model)
    if tied := kept_tied(config, model, "target_modules"):  # which adapts the head in any case
        targets = tuple(name for name in targets if name != "lm_head") or targets
    return (DoRA if config.get("use_dora") else LoRA)(
        rank=config.get("r", 8),
        alpha=config.get("lora_alpha", 8),
        targets=targets,
        dropout=config.get("lora_dropout", 0.0),
        rslora=bool(config.get("use_rslora")),
        rank_pattern=resolved("rank_pattern", config, layers, model),
        alpha_pattern=resolved("alpha_pattern", config, layers, model),
        bias=bool(config.get("lora_bias")),
        tied=tied,
    )


def arrays(model):
    """A and B in PEFT's orientation, DoRA's lengths, and an adapter's own bias."""
    result = {}
    for name, layer in layers_of(model, LoRALinear):
        result[f"{name}.lora_A.weight"] = layer.A.data.T  # (r, in)
        result[f"{name}.lora_B.weight"] = layer.B.data.T  # (out, r)
        if layer.B_bias is not None:
            result[f"{name}.lora_B.bias"] = layer.B_bias.data  # (out,)
    for name, layer in layers_of(model, LoRAEmbedding):
        result[f"{name}.lora_embedding_A"] = layer.A.data.T  # (r, n)
        result[f"{name}.lora_embedding_B"] = layer.B.data.T  # (d, r)
    for name, layer in layers_of(model, LoRAHead):
        result[f"{name}.lora_A.weight"] = layer.B.data  # (r, d)
        result[f"{name}.lora_B.weight"] = layer.A.data  # (n, r)
    for name, layer in layers_of(model, DoRALinear):
        result[f"{name}.lora_magnitude_vector"] = layer.m.data  # (out,)
    return result
