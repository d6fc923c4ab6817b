"""Bottleneck adapters: PEFT has none, so the settings are this library's own."""

from ...methods import BottleneckAdapters
from ...methods.bottleneck import Adapted
from ...methods.targets import layers_of
from .names import OURS


def config(method):
    return {"peft_type": OURS, "adapter_width": method.width, "adapter_placement": method.placement}


def method_from(config, shapes, model):
    if "adapter_width" in config:
        placement = config.get("adapter_placement", "houlsby")
        return BottleneckAdapters(config["adapter_width"], placement)


def arrays(model):
    return {
        f"{name}.{part}": getattr(layer, part).data
        for name, layer in layers_of(model, Adapted)
        for part in ("down", "down_bias", "up", "up_bias")
    }
