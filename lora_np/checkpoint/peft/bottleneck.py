"""Bottleneck adapters: PEFT has none, so the settings are this library's own."""

from ...methods import BottleneckAdapters
from ...methods.parts.bottleneck import Adapted
from ...methods.targets import layers_of
from .names import OURS, check_size


def config(method):
    return {"peft_type": OURS, "adapter_width": method.width, "adapter_placement": method.placement}


def method_from(config, shapes, model):
    if "adapter_width" in config:
        width = config["adapter_width"]
        method = BottleneckAdapters(width, config.get("adapter_placement", "houlsby"))
        check_size("adapter_width", width, shapes, ".down", 1)
        return method


def arrays(model):
    return {
        f"{name}.{part}": getattr(layer, part).data
        for name, layer in layers_of(model, Adapted)
        for part in ("down", "down_bias", "up", "up_bias")
    }
