"""What learns beside a method's own numbers: whole modules (`modules_to_save`), biases (`bias`).

PEFT has no form for these alone; then `peft_type` is this library's own.
"""

from ...nn import Wrapper
from ..safetensors_io import listed
from .names import BESIDE_THE_BODY, EMBEDDINGS, OURS, in_model, oriented


def beside_the_methods(model, rest, config):
    """(bias, modules_to_save) that say which parameters `rest` learn beside the methods' own.

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
    alone = [name for name in left if name in parts or name.startswith(EMBEDDINGS)]
    if alone:
        raise ValueError(
            f"save_adapter: an adapter's file has no place for {listed(alone)}, which learn; "
            "save_gpt2 saves a whole model"
        )
    return bias, sorted({in_model(name, model).rpartition(".")[0] for name in left})


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
    whose names are `in_file`, holds such a module. The head is a method's own (head.py).
    Raises: ValueError for a module that is the embedding, or part of one that is wrapped.
    """
    names, inside = set(bias_names(model, config.get("bias", "none"))), wrapped(model)
    parameters = {n: p for n, p in model.named_parameters() if not n.startswith(BESIDE_THE_BODY)}
    for module in config.get("modules_to_save") or []:
        hits = {name for name in parameters if ends(in_model(name, model), module, ".")}
        within = {name for name in parameters if ends(in_model(name, model), module)} - hits
        if within & in_file:
            hits |= within
        if any(name.startswith(EMBEDDINGS) for name in hits) or any(
            name.startswith(f"{slot}.") for name in hits for slot in inside
        ):
            raise ValueError(f"modules_to_save: {module!r} is wrapped, or is the embedding")
        names |= hits
    result = {}
    for name in sorted(names):
        layer, _, last = name.rpartition(".")
        result[f"{layer}.base_layer.{last}" if layer in inside else name] = parameters[name]
    return result


def ends(name, module, start=""):
    """Whether the parameter is in a module whose dotted name ends in `module`."""
    parts = name.split(".")[:-1]
    holders = (".".join(parts[: i + 1]) for i in range(len(parts)))
    return any((start + holder).endswith(start + module) for holder in holders)


def arrays_beside(model, beside):
    """{PEFT's name: array} of {PEFT's name: Parameter}: views in the orientation of its files."""
    return {name: oriented(name, parameter.data, model) for name, parameter in beside.items()}
