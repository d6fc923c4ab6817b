"""Prefix tuning: `PREFIX_TUNING`. PEFT too saves the prefix, and not the MLP that made it."""

from ...methods import PrefixTuning
from .names import PROMPT, SIZES

IGNORES = (*SIZES, "prefix_projection", "encoder_hidden_size")


def config(method):
    if method.mlp_width is not None:
        why = "an MLP makes this prefix, and PEFT's file holds the prefix alone"
        raise ValueError(f"PrefixTuning: {why}; save model.without_mlp()")
    return {"peft_type": "PREFIX_TUNING", "num_virtual_tokens": method.length}


def method_from(config, shapes, model):
    if config["peft_type"] == "PREFIX_TUNING":
        return PrefixTuning(config.get("num_virtual_tokens"))


def arrays(model):
    return {PROMPT: model.table.prefix.data}  # (P, 2·L·d)
