"""Trainable tokens: alone `TRAINABLE_TOKENS`, or LoRA's option `trainable_token_indices`."""

from ...methods import TrainableTokens
from ...methods.inputs.own_rows import OwnRows
from ...methods.low_rank.lora_tables import LoRATable
from ...methods.targets import layers_of, shares_table
from .brought import BroughtTables
from .names import in_model, tables, token_adapter

ALONE, DELTA = "TRAINABLE_TOKENS", ".trainable_tokens_delta"
IGNORES = ("target_modules",)  # the tensors' names say which tables


def config(method):
    return {
        "peft_type": ALONE, "token_indices": list(method.tokens or method.head),
        "trainable_token_indices": None, "init_weights": True,
    }  # fmt: skip


def settled(config, model):
    """The configuration, of LoRA or of the tokens alone, with what depends on the model.

    Raises: ValueError for what PEFT has no form for.
    """
    adapted = {name for name, _ in layers_of(model, LoRATable)}
    rows = dict(layers_of(model, OwnRows))
    named = {name: list(rows[name].ids) for name in tables(model) if name in rows}
    tied, (first, head) = shares_table(model), tables(model)
    if adapted & rows.keys():
        raise ValueError(f"save_adapter: PEFT adapts {first} by LoRA or some of its rows, not both")
    if config["peft_type"] == "LORA":
        config = {k: v for k, v in config.items() if k not in ("token_indices", "init_weights")}
        by_name = head in named and not tied
        return config | {"trainable_token_indices": named if by_name else named[first]}
    if config["modules_to_save"] or (not tied and len(named) == 2 and named[first] != named[head]):
        raise ValueError(
            "save_adapter: PEFT's TRAINABLE_TOKENS has one list of tokens, and saves no modules "
            "beside them; with LoRA it can"
        )
    names = [first] if tied else list(named)
    del config["trainable_token_indices"]
    return config | {"target_modules": [in_model(name, model) for name in names]}


def method_from(config, shapes, model):
    first, head = tables(model)
    if config["peft_type"] == ALONE:
        tokens = config.get("token_indices")
        found = {name: tokens for name in (first, head) if f"{name}{DELTA}" in shapes}
    else:
        tokens = config.get("trainable_token_indices")
        if config["peft_type"] != "LORA" or tokens is None:
            return None
        given = tokens if isinstance(tokens, dict) else {first: tokens}
        found = {
            name: ids
            for end, ids in given.items()
            for name in (first, head)
            if in_model(name, model).endswith(end)
        }
        if len(found) < len(given):
            known = f"{in_model(first, model)} and {head}"
            raise ValueError(f"trainable_token_indices: expected tokens of {known}, got {tokens}")
    if not found or not all(isinstance(ids, list) for ids in found.values()):
        raise ValueError(f"expected lists of trainable tokens, and their rows, got {tokens!r}")
    own, others = (tuple(found.get(name, ())) for name in (first, head))
    same = own == others and shares_table(model)
    return TrainableTokens(own, None if same or not others else others)


def arrays(model):
    """One for both tables where they share the rows: PEFT writes it twice but for LoRA's option."""
    names, adapter = tables(model), token_adapter(model)
    brought = any(isinstance(method, BroughtTables) for method in model.methods)
    if adapter and not brought and shares_table(model):
        names = names[:1]
    own = dict(layers_of(model, OwnRows))
    return {f"{n}{adapter}{DELTA}": own[n].tokens.data for n in names if n in own}
