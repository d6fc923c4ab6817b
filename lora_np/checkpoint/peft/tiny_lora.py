"""TinyLoRA in this library's own form: v and the random projections; the SVD is the base's own."""

from ...methods import TinyLoRA
from ...methods.shared_random.tiny_lora import TinyLoRALinear
from ...methods.targets import ALL_LINEAR, layers_of
from .names import OURS, check_size
from .targets import as_listed, there


def config(method):
    settings = {"tiny_numbers": method.numbers, "tiny_rank": method.rank}
    settings |= {"tiny_targets": as_listed(method.targets), "tiny_shared": method.shared}
    return settings | {"peft_type": OURS}


def method_from(config, shapes, model):
    if "tiny_numbers" in config:
        targets = config.get("tiny_targets", ALL_LINEAR)
        targets = targets if targets == ALL_LINEAR else there(targets, model)
        numbers, rank = config["tiny_numbers"], config.get("tiny_rank", 2)
        method = TinyLoRA(numbers, rank, targets, config.get("tiny_shared", True))
        check_size("tiny_numbers", numbers, shapes, ".tiny_P", 0)
        check_size("tiny_rank", rank, shapes, ".tiny_P", 1)
        return method


def arrays(model):
    """A v that all layers share is there once, under the first one's name."""
    result, seen = {}, set()
    for name, layer in layers_of(model, TinyLoRALinear):
        result[f"{name}.tiny_P"] = layer.P.data
        if id(layer.v) not in seen:
            seen.add(id(layer.v))
            result[f"{name}.tiny_v"] = layer.v.data
    return result
