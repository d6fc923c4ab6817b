"""BitFit: every bias, which PEFT's setting `bias` "all" says for any method (beside.py)."""

from ...methods import BitFit
from .beside import bias_names


def config(method):
    return {}


def method_from(config, shapes, model):
    """None for a model without biases, such as a Llama: "all" of none is nothing, in PEFT too."""
    return BitFit() if config.get("bias") == "all" and bias_names(model, "all") else None


def arrays(model):
    return {}
