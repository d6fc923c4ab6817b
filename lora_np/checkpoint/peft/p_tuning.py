"""P-tuning: `P_TUNING`. PEFT too saves the prompt, and not the network that wrote it."""

from ...methods import PTuning
from ...methods.inputs.p_tuning import PTuned
from .names import PROMPT, SIZES

IGNORES = (*SIZES, *"""encoder_hidden_size encoder_num_layers encoder_dropout
    encoder_reparameterization_type""".split())  # fmt: skip


def as_saved(model):
    return model.without_encoder() if isinstance(model, PTuned) else model


def config(method):
    return {"peft_type": "P_TUNING", "num_virtual_tokens": method.length}


def method_from(config, shapes, model):
    if config["peft_type"] == "P_TUNING":
        return PTuning(config.get("num_virtual_tokens"), None)


def arrays(model):
    return {PROMPT: model.prompt.data}  # (P, d)
