"""What learns beside a method's own numbers: whole modules (`modules_to_save`), biases (`bias`).

PEFT has no form for these alone; then `peft_type` is this library's own.
"""

from ...methods import FullFineTuning, HeadTuning
from ...methods.targets import shares_table, tables_of
from ...nn import Head, Parameter, Wrapper
from ..safetensors_io import listed
from .names import OURS, in_model, in_modules, kept_tied, oriented, tables


def beside_the_methods(model, rest, config):
    """(bias, modules_to_save, whether embedding and head are kept tied): the settings that say
    which parameters `rest` learn beside the methods' own.

    The modules' names are whole: PEFT takes every module whose name *ends* so, and `norm` would
    be `input_layernorm` too.
    Raises: ValueError if no such settings say it.
    """
    biases = {kind: set(bias_names(model, kind)) for kind in ("all", "lora_only")}
    bias = next((kind for kind, names in biases.items() if names and names <= set(rest)), "none")
    if bias != "none" and config["peft_type"] not in ("LORA", OURS):
        raise ValueError(f"save_adapter: PEFT has no form for biases beside {config['peft_type']}")
    left = [name for name in rest if bias == "none" or name not in biases[bias]]
    parts = {  # of a linear layer that is not saved whole
        f"{name}.{part}"
        for name, layer in model.linears()
        for part in ("weight", "bias")
        if isinstance(layer, Wrapper) or not all(p.trainable for p in layer.parameters())
    }
    parts |= {f"{name}.weight" for name in adapted_tables(model)}
    alone = [name for name in left if name in parts]
    if any(isinstance(method, FullFineTuning) for method in model.methods):
        alone = left
    tied = f"{tables(model)[0]}.weight" in left and shares_table(model)
    if tied and config["peft_type"] not in ("LORA", OURS):
        alone = left
    if alone:
        raise ValueError(
            f"save_adapter: an adapter's file has no place for {listed(alone)}, which learn; "
            "save_gpt2 saves a whole model"
        )
    modules = {in_model(name, model).rpartition(".")[0] for name in left}
    if tied:  # by the head's name PEFT knows that it is the tables', and it adds the embedding
        modules = modules - {in_model(tables(model)[0], model)} | {"lm_head"}
    return bias, sorted(modules), tied


def bias_names(model, kind):
    """Our names of the biases that PEFT's `bias` trains: none, all, or the wrapped layers' own."""
    names = [name for name, _ in model.named_parameters() if name.split(".")[-1] == "bias"]
    if kind == "lora_only":
        inside = wrapped(model)
        return [name for name in names if name.rpartition(".")[0] in inside]
    return names if kind == "all" else []


def wrapped(model):
    return {name for name, layer in model.linears() if isinstance(layer, Wrapper)}


def named_beside(model, config, in_file):
    """{PEFT's name: Parameter} of the biases and whole modules that the config says are saved.

    PEFT takes all modules whose name ends in what `modules_to_save` says, also in the middle of a
    word, and passes over what no name ends in. A match in the middle counts here if the file,
    whose names are `in_file`, holds such a module. A head that HeadTuning made is head.py's.
    Raises: ValueError for a module that is part of one that is wrapped.
    """
    names, inside = set(bias_names(model, config.get("bias", "none"))), wrapped(model)
    parameters, (first, head) = dict(model.named_parameters()), tables(model)
    if any(isinstance(method, HeadTuning) for method in model.methods):
        parameters.pop("lm_head.weight", None)
    for module in config.get("modules_to_save") or []:
        one = {"modules_to_save": [module]}
        hits = {name for name in parameters if in_modules(name, one, model, ".")}
        within = {name for name in parameters if in_modules(name, one, model)} - hits
        if within & in_file:
            hits |= within
        slots = {name.rpartition(".")[0] for name in hits} & (inside | adapted_tables(model))
        if slots:
            raise ValueError(
                f"modules_to_save: {module!r} is wrapped by a method, and saved by that method's "
                "file in checkpoint/peft/ alone"
            )
        names |= hits
    result = {}
    if kept_tied(config, model):
        table = parameters[f"{first}.weight"]
        result = {f"{name}.weight": table for name in (first, head)}
    for name in sorted(names):
        layer, _, last = name.rpartition(".")
        result[f"{layer}.base_layer.{last}" if layer in inside else name] = parameters[name]
    return result


def untied(view, config):
    """Let the head keep the embedding's table where the embedding alone is saved whole."""
    name = f"{tables(view)[0]}.weight"
    if in_modules(name, config, view) and shares_table(view) and not kept_tied(config, view):
        inner = view.unwrapped()
        inner.lm_head = Head(Parameter(inner.lm_head.effective_weight(), trainable=False))


def adapted_tables(model):
    return {name for name, table in tables_of(model).items() if isinstance(table, Wrapper)}


def arrays_beside(model, beside):
    """{PEFT's name: array} of {PEFT's name: Parameter}: views in the orientation of its files."""
    return {name: oriented(name, parameter.data, model) for name, parameter in beside.items()}
