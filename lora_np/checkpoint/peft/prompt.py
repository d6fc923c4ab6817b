"""Prompt tuning: `PROMPT_TUNING`. How the prompt started is no longer needed."""

from ...methods import PromptTuning
from .names import PROMPT, SIZES

IGNORES = (*SIZES, "prompt_tuning_init_text", "tokenizer_name_or_path")


def config(method):
    return {
        "peft_type": "PROMPT_TUNING", "num_virtual_tokens": method.length,
        "prompt_tuning_init": "RANDOM",
    }  # fmt: skip


def method_from(config, shapes, model):
    if config["peft_type"] == "PROMPT_TUNING":
        return PromptTuning(config.get("num_virtual_tokens"))


def arrays(model):
    return {PROMPT: model.prompt.data}  # (P, d)
