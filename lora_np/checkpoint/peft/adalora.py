"""AdaLoRA: `ADALORA`. What was pruned is not in the file; `rank_pattern` says what is left."""

from ...methods import AdaLoRA
from ...methods.low_rank.adalora import AdaLoRALinear
from ...methods.targets import layers_of
from ...system.checks import check_whole
from .names import in_model
from .targets import as_listed, named

IGNORES = """tinit tfinal deltaT beta1 beta2 orth_reg_weight total_step r init_lora_weights
    layers_pattern layers_to_transform exclude_modules megatron_core qalora_group_size""".split()


def config(method):
    return {
        "peft_type": "ADALORA", "init_r": method.rank, "target_r": method.target,
        "lora_alpha": float(method.alpha), "target_modules": as_listed(method.targets),
        "fan_in_fan_out": True, "init_lora_weights": True,  # as in lora.py
        "rank_pattern": {
            f"{name}.lora_E": [place < left for place in range(method.rank)]
            for name, left in method.kept
        }
        or None,
    }  # fmt: skip


def method_from(config, shapes, model):
    """Each layer has the triplets that the file has of it: PEFT prunes as it saves."""
    if config["peft_type"] != "ADALORA":
        return None
    end, rank, target = ".lora_E", config.get("init_r", 12), config.get("target_r", 8)
    check_whole("ADALORA: expected init_r", rank)
    check_whole("ADALORA: expected target_r", target)
    if any(shape[0] > rank for name, shape in shapes.items() if name.endswith(end)):
        raise ValueError(f"ADALORA: init_r is {rank}, and the file has layers of more triplets")
    kept = tuple(
        (in_model(name.removesuffix(end), model), shape[0])
        for name, shape in sorted(shapes.items())
        if name.endswith(end) and shape[0] < rank
    )
    check_pattern(config.get("rank_pattern"), rank, kept)
    return AdaLoRA(
        rank, config.get("lora_alpha", 8), min(target, rank),
        named(config, shapes, model, (end,)), kept,
    )  # fmt: skip


def check_pattern(pattern, rank, kept):
    """Raise ValueError unless each list says of all `rank` triplets which are left, if not all are.

    So no number in the file alone can ask for memory.
    """
    lists = pattern.values() if isinstance(pattern, dict) else [] if pattern is None else [pattern]
    if not all(isinstance(each, list) and len(each) == rank for each in lists):
        raise ValueError(f"ADALORA: expected lists of init_r = {rank} in rank_pattern")
    if kept and not lists:
        raise ValueError(f"ADALORA: init_r is {rank}, and without rank_pattern layers have fewer")


def arrays(model):
    result = {}
    for name, layer in layers_of(model, AdaLoRALinear):
        result[f"{name}.lora_A"] = layer.A.data.T  # (r, in)
        result[f"{name}.lora_B"] = layer.B.data.T  # (out, r)
        result[f"{name}.lora_E"] = layer.E.data[:, None]  # (r, 1)
    return result
